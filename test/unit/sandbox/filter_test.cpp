// Tests of the filters: for each program, which system calls it may make, and that it may make no
// others. The lists stand here a second time on purpose: a new call must be allowed in both places.
#include "sandbox/filter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <string>

#include "ca/sandbox_rules.hpp"
#include "courier/sandbox_rules.hpp"
#include "gateway/process/sandbox_rules.hpp"
#include "sandbox/bpf.hpp"

namespace pganalytics::sandbox {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr uint32_t Error(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

constexpr int kCalls = 1024;  // more than any kernel has

// Case is a call that the filter decides by its arguments.
struct Case {
    const char* call;
    Arguments arguments;
    uint32_t action;
};

struct Expected {
    std::set<std::string> always;  // whatever the arguments are
    std::vector<Case> cases;
};

void ExpectFilter(std::span<const Rule> rules, const Expected& expected) {
    const auto filter = MakeFilter(rules);
    ASSERT_TRUE(filter) << filter.error().message;
    const std::vector<sock_filter> program = ProgramOf(filter->get());
    std::set<std::string> some;
    for (const Case& one : expected.cases) {
        some.insert(one.call);
        const int call = seccomp_syscall_resolve_name(one.call);
        if (call < 0) continue;  // this machine does not have the call
        EXPECT_EQ(ActionOf(program, call, one.arguments), one.action)
            << one.call << ' ' << one.arguments[0] << ' ' << one.arguments[1] << ' '
            << one.arguments[2];
    }
    constexpr uint64_t kOnes = ~uint64_t{0};
    std::set<std::string> always;
    for (int call = 0; call < kCalls; ++call) {
        const uint32_t zeros = ActionOf(program, call, {});
        const uint32_t ones = ActionOf(program, call, {kOnes, kOnes, kOnes, kOnes, kOnes, kOnes});
        char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
        const std::string named = name != nullptr ? name : std::to_string(call);
        std::free(name);
        if (zeros == kAllow && ones == kAllow) {
            always.insert(named);
        } else if (!some.contains(named)) {
            EXPECT_EQ(zeros, kKill) << named;
            EXPECT_EQ(ones, kKill) << named;
        }
    }
    std::set<std::string> here;  // those of the expected calls that this machine has
    for (const std::string& name : expected.always) {
        if (seccomp_syscall_resolve_name(name.c_str()) >= 0) here.insert(name);
    }
    EXPECT_EQ(always, here);
}

std::set<std::string> AndBase(std::set<std::string> own) {
    own.insert({"brk", "clock_gettime", "close", "exit", "exit_group", "futex", "getpid",
                "getrandom", "gettimeofday", "madvise", "mremap", "munmap", "read",
                "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "write"});
    return own;
}

constexpr uint64_t kData = PROT_READ | PROT_WRITE;
constexpr uint64_t kCode = PROT_READ | PROT_EXEC;

TEST(SandboxFilter, Gateway) {
    ExpectFilter(gateway::kSandboxRules,
                 {AndBase({"accept", "accept4", "epoll_ctl", "epoll_pwait", "epoll_wait", "poll",
                           "ppoll", "recvfrom", "recvmsg", "sendmsg", "sendto", "setsockopt",
                           "shutdown", "timerfd_settime"}),
                  {{"mmap", {0, 1, kData}, kAllow},
                   {"mmap", {0, 1, kCode}, kKill},
                   {"mprotect", {0, 1, kData}, kAllow},
                   {"mprotect", {0, 1, kCode}, kKill},
                   {"fcntl", {5, F_GETFL}, kAllow},
                   {"fcntl", {5, F_SETFL}, kAllow},
                   {"fcntl", {5, F_DUPFD}, kKill},
                   {"fcntl", {5, F_SETFD}, kKill},
                   {"ioctl", {5, FIONBIO}, kAllow},
                   {"ioctl", {5, FIONREAD}, kKill}}});
}

TEST(SandboxFilter, Ca) {
    ExpectFilter(ca::kSandboxRules, {AndBase({"fchmod", "fcntl", "fstat", "fsync", "lseek", "lstat",
                                              "newfstatat", "open", "openat", "rename", "renameat",
                                              "renameat2", "stat", "unlink", "unlinkat"}),
                                     {{"mmap", {0, 1, kData}, kAllow},
                                      {"mmap", {0, 1, kCode}, kKill},
                                      {"mprotect", {0, 1, kData}, kAllow},
                                      {"mprotect", {0, 1, kCode}, kKill}}});
}

TEST(SandboxFilter, Courier) {
    constexpr uint64_t kThreadFlags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    ExpectFilter(courier::kSandboxRules,
                 {AndBase({"bind",         "connect",    "eventfd2", "fstat",   "getpeername",
                           "getsockname",  "getsockopt", "gettid",   "lseek",   "lstat",
                           "newfstatat",   "pipe2",      "poll",     "ppoll",   "pread64",
                           "readlink",     "recvfrom",   "recvmmsg", "recvmsg", "rseq",
                           "rt_sigaction", "sendmmsg",   "sendmsg",  "sendto",  "set_robust_list",
                           "setsockopt",   "shutdown",   "stat",     "statx",   "uname",
                           "writev"}),
                  {{"mmap", {0, 1, kData}, kAllow},
                   {"mmap", {0, 1, kCode}, Error(EACCES)},
                   {"mprotect", {0, 1, kData}, kAllow},
                   {"mprotect", {0, 1, kCode}, kKill},
                   {"fcntl", {5, F_GETFD}, kAllow},
                   {"fcntl", {5, F_SETFD}, kAllow},
                   {"fcntl", {5, F_GETFL}, kAllow},
                   {"fcntl", {5, F_SETFL}, kAllow},
                   {"fcntl", {5, F_DUPFD}, kKill},
                   {"fcntl", {5, F_SETLK}, kKill},
                   {"ioctl", {5, FIONBIO}, kAllow},
                   {"ioctl", {5, FIONREAD}, kAllow},
                   {"ioctl", {5, TIOCSTI}, kKill},
                   {"open", {1, O_RDONLY | O_CLOEXEC}, kAllow},
                   {"open", {1, O_WRONLY}, kKill},
                   {"open", {1, O_RDWR}, kKill},
                   {"open", {1, O_RDONLY | O_CREAT}, kKill},
                   {"open", {1, O_RDONLY | O_TRUNC}, kKill},
                   {"openat", {1, 2, O_RDONLY | O_CLOEXEC}, kAllow},
                   {"openat", {1, 2, O_WRONLY}, kKill},
                   {"openat", {1, 2, O_RDWR}, kKill},
                   {"openat", {1, 2, O_RDONLY | O_CREAT}, kKill},
                   {"openat", {1, 2, O_RDONLY | O_TRUNC}, kKill},
                   {"clone", {kThreadFlags | CLONE_FS}, kAllow},
                   {"clone", {CLONE_VM | CLONE_SIGHAND}, kKill},
                   {"clone", {17}, kKill},
                   {"clone3", {}, Error(ENOSYS)},
                   {"sched_getaffinity", {}, Error(EPERM)},
                   {"socket", {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 6}, kAllow},
                   {"socket", {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 17}, kAllow},
                   {"socket", {AF_INET, SOCK_RAW, 1}, kKill},
                   {"socket", {AF_INET6, SOCK_STREAM, 6}, kAllow},
                   {"socket", {AF_INET6, SOCK_DGRAM, 17}, kAllow},
                   {"socket", {AF_INET6, SOCK_RAW, 58}, kKill},
                   {"socket", {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, kAllow},
                   {"socket", {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}, kKill},
                   {"socket", {AF_PACKET, SOCK_DGRAM, 3}, kKill},
                   {"socket", {AF_UNIX, SOCK_STREAM, 0}, Error(EAFNOSUPPORT)},
                   {"socketpair", {AF_UNIX, SOCK_STREAM}, kAllow},
                   {"socketpair", {AF_INET, SOCK_STREAM}, kKill}}});
}

TEST(SandboxFilter, UnknownNameIsAnError) {
    constexpr Rule kWrong[] = {{"raed"}};
    const auto filter = MakeFilter(kWrong);
    ASSERT_FALSE(filter);
    EXPECT_EQ(filter.error().message,
              "could not make the rule of the sandbox for raed: Invalid argument");
}

}  // namespace
}  // namespace pganalytics::sandbox
