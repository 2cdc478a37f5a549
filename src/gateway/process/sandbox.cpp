#include "gateway/process/sandbox.hpp"

#include "core/sanitizers.hpp"

#if defined(PGANALYTICS_HAVE_SECCOMP) && !PGANALYTICS_SANITIZED

#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace pganalytics::gateway {
namespace {

// In alphabetical order. getrandom is used only when OpenSSL reseeds, after hours; clock_gettime
// only where the clock source keeps it out of the vDSO: leaving one out kills in production only.
constexpr int kAllowed[] = {
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(madvise),
    SCMP_SYS(munmap),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(read),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(write),
};

int AddRules(scmp_filter_ctx filter) {
    for (const int call : kAllowed) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) return error;
    }
    const unsigned request = FIONBIO;
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                           SCMP_A1(SCMP_CMP_EQ, request))) {
        return error;
    }
    for (const unsigned command : {F_GETFL, F_SETFL}) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                               SCMP_A1(SCMP_CMP_EQ, command))) {
            return error;
        }
    }
    // Memory for data, never for code.
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) {
            return error;
        }
    }
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0);
}

}  // namespace

core::Result<bool> EnterSandbox() {
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(
        seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
    int error = filter == nullptr ? -ENOMEM : AddRules(filter.get());
    // For the thread that writes frames too.
    if (error == 0) error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    // seccomp_load sets no_new_privs itself; done here so that it holds whatever its default.
    if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = -errno;
    if (error == 0) error = seccomp_load(filter.get());
    if (error != 0) {
        return core::Error{std::string("could not enter the sandbox: ") + std::strerror(-error)};
    }
    return true;
}

}  // namespace pganalytics::gateway

#else

namespace pganalytics::gateway {

core::Result<bool> EnterSandbox() { return false; }

}  // namespace pganalytics::gateway

#endif
