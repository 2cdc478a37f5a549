#include "courier/sandbox.hpp"

#include "core/sanitizers.hpp"

#if defined(PGANALYTICS_HAVE_SECCOMP) && !PGANALYTICS_SANITIZED

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "courier/file_access.hpp"

namespace pganalytics::courier {
namespace {

// In alphabetical order. Where a libc has two ways to do a thing, both.
constexpr int kAllowed[] = {
    // getaddrinfo gives its netlink socket an address
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(connect),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

// What libraries try and can do without: they are told no.
struct Refused {
    int call;
    int error;
};
constexpr Refused kRefused[] = {
    {SCMP_SYS(clone3), ENOSYS},  // its flags are out of a filter's sight; clone is tried then
    {SCMP_SYS(sched_getaffinity), EPERM},
};

using Filter = scmp_filter_ctx;

int Allow(Filter filter, int call, scmp_arg_cmp condition) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, condition);
}

// Threads, of which the resolver is one; processes never.
int AddThreads(Filter filter) {
    constexpr scmp_datum_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    return Allow(filter, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, kThread, kThread));
}

// TCP, UDP for the resolver, and the netlink socket by which it learns which families there are.
int AddSockets(Filter filter) {
    constexpr scmp_datum_t kType = 0xF;  // beside SOCK_CLOEXEC and SOCK_NONBLOCK
    for (const scmp_datum_t family : {AF_INET, AF_INET6}) {
        for (const scmp_datum_t type : {SOCK_STREAM, SOCK_DGRAM}) {
            if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                                   SCMP_A0(SCMP_CMP_EQ, family),
                                                   SCMP_A1(SCMP_CMP_MASKED_EQ, kType, type))) {
                return error;
            }
        }
    }
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                           SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                           SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE))) {
        return error;
    }
    // The C library asks nscd first, and some resolvers a service of theirs; DNS is what is left.
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
                                           1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX))) {
        return error;
    }
    // By which a thread wakes the one that waits for it.
    return Allow(filter, SCMP_SYS(socketpair), SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

int AddFiles(Filter filter) {
    constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;
    if (const int error =
            Allow(filter, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY))) {
        return error;
    }
    if (const int error =
            Allow(filter, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY))) {
        return error;
    }
    for (const scmp_datum_t command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL}) {
        if (const int error = Allow(filter, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, command))) {
            return error;
        }
    }
    for (const scmp_datum_t request : {scmp_datum_t{FIONBIO}, scmp_datum_t{FIONREAD}}) {
        if (const int error = Allow(filter, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, request))) {
            return error;
        }
    }
    return 0;
}

// Memory for data, never for code. A module of the resolver that is not in the C library cannot be
// loaded then, and the next one is asked.
int AddMemory(Filter filter) {
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        if (const int error = Allow(filter, call, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) {
            return error;
        }
    }
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

int AddRules(Filter filter) {
    for (const int call : kAllowed) {
        if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) return error;
    }
    for (const Refused& one : kRefused) {
        if (const int error = seccomp_rule_add(
                filter, SCMP_ACT_ERRNO(static_cast<uint32_t>(one.error)), one.call, 0)) {
            return error;
        }
    }
    for (const auto add : {&AddThreads, &AddSockets, &AddFiles, &AddMemory}) {
        if (const int error = add(filter)) return error;
    }
    return 0;
}

}  // namespace

core::Result<bool> EnterSandbox() {
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(
        seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
    int error = filter == nullptr ? -ENOMEM : AddRules(filter.get());
    if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = -errno;
    if (error == 0) {
        const core::Result<bool> restricted = RestrictFiles();
        if (!restricted) return restricted.error();
        error = seccomp_load(filter.get());
    }
    if (error != 0) {
        return core::Error{std::string("could not enter the sandbox: ") + std::strerror(-error)};
    }
    return true;
}

}  // namespace pganalytics::courier

#else

namespace pganalytics::courier {

core::Result<bool> EnterSandbox() { return false; }

}  // namespace pganalytics::courier

#endif
