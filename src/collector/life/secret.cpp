// Reads secret files and refuses those that others can read.
#include "collector/life/secret.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pganalytics::collector {
namespace {

constexpr size_t kMaxSecretBytes = 64 * 1024;

// Descriptor closes its file descriptor.
struct Descriptor {
    int fd;
    explicit Descriptor(int opened) : fd(opened) {}
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
};

std::string UserName(uid_t uid) {
    passwd user{};
    passwd* found = nullptr;
    char buffer[4096];
    getpwuid_r(uid, &user, buffer, sizeof(buffer), &found);
    return found == nullptr ? "user " + std::to_string(uid) : user.pw_name;
}

// IsCredential: the path lies in $CREDENTIALS_DIRECTORY. systemd lets the service's user alone read
// there; with an access control list, whose mask shows as the mode of the group.
bool IsCredential(const std::string& path) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || *directory == '\0') return false;
    return path.starts_with(std::string(directory) + "/") && path.find("/../") == path.npos;
}

}  // namespace

core::Error Denied(const std::string& what, const std::string& path) {
    const int why = errno;
    std::string message = what + " \"" + path + "\": " + std::strerror(why);
    if (why != EACCES) return {message};
    // The path may lie in a directory that we may not search: then name that one.
    std::string shown = path;
    struct stat status {};
    while (stat(shown.c_str(), &status) != 0) {
        const size_t slash = shown.rfind('/');
        if (slash == shown.npos || slash == 0) return {message};
        shown.resize(slash);
    }
    const std::string me = UserName(geteuid());
    message += "; \"" + shown + "\" belongs to " + UserName(status.st_uid) +
               " and this is run by " + me + ": run it as the owner, or chown -R " + me + ": " +
               shown;
    return {message};
}

core::Result<std::string> ReadSecretFile(const std::string& path) {
    // O_NONBLOCK: a FIFO at this path must not block the start. The mode is read from the open
    // descriptor, so that the file that was checked is also the file that is read.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (file.fd < 0 || fstat(file.fd, &status) != 0) {
        return Denied("cannot read", path);
    }
    if (!S_ISREG(status.st_mode)) return core::Error{"\"" + path + "\" is not a regular file"};
    const mode_t refused = (S_IRWXG | S_IRWXO) & ~(IsCredential(path) ? S_IRGRP : 0U);
    if ((status.st_mode & refused) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof(mode), "0%o", static_cast<unsigned>(status.st_mode & 07777));
        return core::Error{"\"" + path + "\" holds a secret and its mode is " + mode +
                           "; take it from group and others: chmod 0600 " + path};
    }
    std::string secret(kMaxSecretBytes + 1, '\0');
    size_t length = 0;
    while (length < secret.size()) {
        const ssize_t got = read(file.fd, secret.data() + length, secret.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Denied("cannot read", path);
        if (got == 0) break;
        length += static_cast<size_t>(got);
    }
    if (length > kMaxSecretBytes) return core::Error{"\"" + path + "\" is longer than 64 kB"};
    secret.resize(length);
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
    if (secret.empty()) return core::Error{"\"" + path + "\" is empty"};
    return secret;
}

}  // namespace pganalytics::collector
