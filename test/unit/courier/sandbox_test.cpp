// Tests of the sandbox, each in its own process: a forbidden call ends the process, a call that
// libraries try but do not need fails, and what the courier needs works.
#include "sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "core/sanitizers.hpp"
#include "courier/sandbox_rules.hpp"

namespace pganalytics::courier {
namespace {

constexpr int kNoSandbox = 99;

// StatusOf runs a function in the sandbox and returns the wait status of the process, whose exit
// code is the function's result.
int StatusOf(const std::function<int()>& run) {
    const pid_t pid = fork();
    if (pid == 0) {
        const auto entered = sandbox::Enter(kSandbox);
        _exit(entered && *entered ? run() : kNoSandbox);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

void ExpectKilled(const char* what, const std::function<int()>& run) {
    const int status = StatusOf(run);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << what << ": " << status;
}

void ExpectCode(int code, const char* what, const std::function<int()>& run) {
    const int status = StatusOf(run);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == code) << what << ": " << status;
}

int ErrorOf(long result) { return result < 0 ? errno : 0; }

class Sandbox : public ::testing::Test {
  protected:
    void SetUp() override {
        if (PGANALYTICS_SANITIZED) GTEST_SKIP() << "no sandbox under sanitizers";
    }
};

TEST_F(Sandbox, ForbiddenCallsEndTheProcess) {
    ExpectKilled("execve", [] {
        char* const none[] = {nullptr};
        return execve("/bin/true", none, none);
    });
    ExpectKilled("fork", [] { return fork() == 0 ? 0 : 1; });
    ExpectKilled("vfork by clone", [] {
        return static_cast<int>(syscall(SYS_clone, SIGCHLD | 0x100 | 0x4000, 0, 0, 0, 0));
    });
    ExpectKilled("open to write", [] { return open("/tmp/courier", O_WRONLY | O_CREAT, 0600); });
    ExpectKilled("open to cut", [] { return open("/etc/hosts", O_RDONLY | O_TRUNC); });
    ExpectKilled("unlink", [] { return unlink("/tmp/courier"); });
    ExpectKilled("rename", [] { return rename("/tmp/courier", "/tmp/other"); });
    ExpectKilled("listen", [] { return listen(socket(AF_INET, SOCK_STREAM, 0), 1); });
    ExpectKilled("accept", [] { return accept(0, nullptr, nullptr); });
    ExpectKilled("raw socket", [] { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); });
    ExpectKilled("packet socket", [] { return socket(AF_PACKET, SOCK_DGRAM, 0); });
    ExpectKilled("netlink of the audit", [] { return socket(AF_NETLINK, SOCK_RAW, 9); });
    ExpectKilled("ptrace", [] { return static_cast<int>(ptrace(PTRACE_TRACEME, 0, 0, 0)); });
    ExpectKilled("kill", [] { return kill(getppid(), 0); });
    ExpectKilled("mprotect to code", [] {
        void* const page =
            mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return mprotect(page, 4096, PROT_READ | PROT_EXEC);
    });
    ExpectKilled("another limit",
                 [] { return static_cast<int>(syscall(SYS_prlimit64, 0, 7, 0, 0)); });
    ExpectKilled("io_uring", [] { return static_cast<int>(syscall(SYS_io_uring_setup, 1, 0)); });
}

TEST_F(Sandbox, WhatLibrariesTryFails) {
    ExpectCode(EAFNOSUPPORT, "unix socket",
               [] { return ErrorOf(socket(AF_UNIX, SOCK_STREAM, 0)); });
    ExpectCode(ENOSYS, "clone3", [] { return ErrorOf(syscall(SYS_clone3, 0, 0)); });
    ExpectCode(EACCES, "code from a file", [] {
        const int fd = open("/etc/hosts", O_RDONLY);
        return mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno
                                                                                         : 0;
    });
}

TEST_F(Sandbox, WhatACourierNeedsWorks) {
    ExpectCode(0, "resolver in a thread", [] {
        int found = 1;
        std::thread thread([&found] {
            addrinfo* list = nullptr;
            found = getaddrinfo("localhost", "80", nullptr, &list);
        });
        thread.join();
        return found;
    });
    ExpectCode(ECONNREFUSED, "connection", [] {
        sockaddr_in nobody = {};
        nobody.sin_family = AF_INET;
        nobody.sin_port = htons(1);
        nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ErrorOf(connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP),
                               reinterpret_cast<sockaddr*>(&nobody), sizeof(nobody)));
    });
    ExpectCode(0, "file of resolvers", [] { return ErrorOf(open("/etc/hosts", O_RDONLY)); });
}

TEST_F(Sandbox, OtherFilesAreOutOfReach) {
    if (syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) < 0) GTEST_SKIP() << "no Landlock here";
    char name[] = "/tmp/courierXXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    ExpectCode(EACCES, "file", [&name] { return ErrorOf(open(name, O_RDONLY)); });
    ExpectCode(EACCES, "file of the process",
               [] { return ErrorOf(open("/proc/self/environ", O_RDONLY)); });
    close(fd);
    unlink(name);
}

}  // namespace
}  // namespace pganalytics::courier
