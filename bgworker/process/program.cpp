// Program: fork, exec and wait.
#include "bgworker/process/program.hpp"

#include "protocol/messages.hpp"

extern "C" {
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
}

namespace pganalytics::bgworker {
namespace {

// Exit codes of a child that did not become the program.
constexpr int kExecFailed = 127;
constexpr int kTooFewDescriptors = 126;

// UseAllDescriptors raises the limit of open descriptors to the hard limit, and returns it.
rlim_t UseAllDescriptors() {
    rlimit files = {};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_max;
}

// BecomeProgram runs in the child process. It makes only async-signal-safe calls: the parent may
// have held any lock when it forked, and exit() would run PostgreSQL's exit callbacks.
[[noreturn]] void BecomeProgram(const char* path, const char* name, int worker_fd, const int* fds,
                                int count, pid_t parent) {
    // Do this first, because a program must not outlive its worker. A program that is stopped
    // (SIGSTOP) would never read the end of file on its socket. getppid() shows whether the parent
    // ended before the prctl.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(kExecFailed);
    // Make a process group of its own for the program. The postmaster signals the process groups of
    // its children, but at a fast shutdown the worker must first let the gateway finish.
    setpgid(0, 0);
    for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
        struct sigaction action = {};
        action.sa_handler = SIG_DFL;
        sigaction(signal_number, &action, nullptr);
    }
    // Move the descriptors to high numbers first: a dup2 of a descriptor onto itself would keep
    // close-on-exec, and a descriptor may have the number that another descriptor needs.
    constexpr int kHigh = 64;
    if (UseAllDescriptors() <= kHigh + kMaxProgramFds) _exit(kTooFewDescriptors);
    int high[1 + kMaxProgramFds];
    high[0] = fcntl(worker_fd, F_DUPFD, kHigh);
    for (int i = 0; i < count; ++i) high[1 + i] = fcntl(fds[i], F_DUPFD, kHigh);
    for (int i = 0; i <= count; ++i) {
        if (high[i] < 0 || dup2(high[i], protocol::kWorkerFd + i) < 0) _exit(kExecFailed);
    }
    const int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd >= 0) dup2(null_fd, STDIN_FILENO);
    close_range(static_cast<unsigned>(protocol::kFirstListenerFd + count), ~0U, 0);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    char* const arguments[] = {const_cast<char*>(name), nullptr};
    char* const environment[] = {nullptr};
    execve(path, arguments, environment);
    _exit(kExecFailed);
}

}  // namespace

pid_t StartProgram(const char* name, const int* fds, int count, int* fd) {
    // The program is in the directory of the server's program, where `make install` puts it.
    char path[MAXPGPATH];
    strlcpy(path, my_exec_path, sizeof(path));
    get_parent_directory(path);
    strlcat(path, "/", sizeof(path));
    strlcat(path, name, sizeof(path));

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return 0;
    const pid_t parent = getpid();
    // Block all signals: no signal handler of PostgreSQL may run in the child, because it would set
    // a latch in shared memory.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork();
    if (pid == 0) BecomeProgram(path, name, pair[1], fds, count, parent);
    const int fork_errno = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        errno = fork_errno;
        return 0;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *fd = pair[0];
    return pid;
}

int KillProgram(pid_t pid) {
    int wait_status = 0;
    kill(pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    return wait_status;
}

bool HasEnded(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == pid; }

bool WasKilled(int wait_status) {
    if (!WIFSIGNALED(wait_status)) return false;
    const int number = WTERMSIG(wait_status);
    return number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGHUP ||
           number == SIGQUIT;
}

bool HasCrashed(int wait_status) {
    const bool was_started =
        !WIFEXITED(wait_status) ||
        (WEXITSTATUS(wait_status) != kExecFailed && WEXITSTATUS(wait_status) != kTooFewDescriptors);
    return was_started && !WasKilled(wait_status);
}

void DescribeEnd(const char* name, int wait_status, char* out, size_t out_size) {
    if (WIFSIGNALED(wait_status)) {
        pg_snprintf(out, out_size, "was ended by signal %d: %s", WTERMSIG(wait_status),
                    pg_strsignal(WTERMSIG(wait_status)));
    } else if (WEXITSTATUS(wait_status) == kExecFailed) {
        pg_snprintf(out, out_size, "could not be executed: is %s beside %s?", name, my_exec_path);
    } else if (WEXITSTATUS(wait_status) == kTooFewDescriptors) {
        rlimit files = {};
        getrlimit(RLIMIT_NOFILE, &files);
        pg_snprintf(out, out_size,
                    "could not be started: the limit of open files (ulimit -n) is %llu",
                    static_cast<unsigned long long>(files.rlim_max));
    } else {
        pg_snprintf(out, out_size, "ended with exit code %d", WEXITSTATUS(wait_status));
    }
}

}  // namespace pganalytics::bgworker
