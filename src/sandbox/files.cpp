#include "sandbox/files.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace pganalytics::sandbox {
namespace {

// kReading and kAll are sets of access rights of Landlock (landlock(7)). The C library has no
// wrappers for Landlock's system calls, so this file uses syscall().
constexpr uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kAll =
    kReading | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

core::Error Failed(const char* what) {
    return core::Error{std::string("could not ") + what + ": " + std::strerror(errno)};
}

bool AddDirectory(int rules, const char* path) {
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return true;  // it does not exist, so there is nothing to allow
    landlock_path_beneath_attr beneath = {};
    beneath.allowed_access = kReading;
    beneath.parent_fd = fd;
    const long added =
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    close(fd);
    return added == 0;
}

}  // namespace

core::Result<bool> RestrictFiles(std::span<const char* const> readable) {
    landlock_ruleset_attr handled = {};
    handled.handled_access_fs = kAll;
    const auto rules =
        static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0));
    if (rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return false;
    if (rules < 0) return Failed("make rules about files");
    for (const char* const path : readable) {
        if (!AddDirectory(rules, path)) return Failed("add a rule about files");
    }
    const long restricted = syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
    if (restricted != 0) return Failed("restrict access to files");
    return true;
}

}  // namespace pganalytics::sandbox
