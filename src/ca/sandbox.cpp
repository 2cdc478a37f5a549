#include "ca/sandbox.hpp"

#include "core/sanitizers.hpp"

#if defined(PGANALYTICS_HAVE_SECCOMP) && !PGANALYTICS_SANITIZED

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace pganalytics::ca {
namespace {

// In alphabetical order. Where a libc has two ways to do a thing, both.
constexpr int kAllowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fchmod),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(fsync),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(read),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(stat),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(write),
};

int AddRules(scmp_filter_ctx filter) {
    for (const int call : kAllowed) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) return error;
    }
    // Memory for data, never for code.
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) {
            return error;
        }
    }
    return 0;
}

bool entered = false;

}  // namespace

core::Status EnterSandbox() {
    if (entered) return core::Unit{};
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(
        seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
    int error = filter == nullptr ? -ENOMEM : AddRules(filter.get());
    if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = -errno;
    if (error == 0) error = seccomp_load(filter.get());
    if (error != 0) {
        return core::Error{std::string("could not enter the sandbox: ") + std::strerror(-error)};
    }
    entered = true;
    return core::Unit{};
}

}  // namespace pganalytics::ca

#else

namespace pganalytics::ca {

core::Status EnterSandbox() { return core::Unit{}; }

}  // namespace pganalytics::ca

#endif
