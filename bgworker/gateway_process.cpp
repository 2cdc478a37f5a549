// Gateway process: what happens between fork and exec, and why.
#include "bgworker/gateway_process.hpp"

#include "pg/rate_limits.hpp"
#include "protocol/messages.hpp"

extern "C" {
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
}

namespace pganalytics::bgworker {
namespace {

constexpr int kExecFailed = 127;

// BecomeGateway runs in the child. Only async-signal-safe calls: the parent may have held any lock
// when it forked, and exit() would run PostgreSQL's exit callbacks.
[[noreturn]] void BecomeGateway(const char* program, int worker_fd, const Listeners& listeners,
                                pid_t parent) {
    // First of all: a gateway must not outlive its worker, not even a stopped one that never reads
    // the end of file on its socket. getppid closes the race with a parent that is gone already.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(kExecFailed);
    // Its own process group: the postmaster signals its children's groups, and a fast shutdown must
    // let the worker empty the gateway first.
    setpgid(0, 0);
    for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
        struct sigaction action = {};
        action.sa_handler = SIG_DFL;
        sigaction(signal_number, &action, nullptr);
    }
    // Out of the way first: dup2 onto itself would keep close-on-exec, and one may sit on another's
    // place.
    constexpr int kHigh = 64;
    int given[2 + kMaxListeners];
    int count = 0;
    given[count++] = worker_fd;
    for (int i = 0; i < listeners.count; ++i) given[count++] = listeners.fds[i];
    if (pg::RequestRatesFd() >= 0) given[count++] = pg::RequestRatesFd();
    int high[lengthof(given)];
    for (int i = 0; i < count; ++i) high[i] = fcntl(given[i], F_DUPFD, kHigh);
    for (int i = 0; i < count; ++i) {
        if (high[i] < 0 || dup2(high[i], protocol::kWorkerFd + i) < 0) _exit(kExecFailed);
    }
    const int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd >= 0) dup2(null_fd, STDIN_FILENO);
    close_range(static_cast<unsigned>(protocol::kWorkerFd + count), ~0U, 0);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    char name[] = "pganalytics-gateway";
    char* const arguments[] = {name, nullptr};
    char* const environment[] = {nullptr};
    execve(program, arguments, environment);
    _exit(kExecFailed);
}

}  // namespace

pid_t StartGateway(const Listeners& listeners, int* fd) {
    // Beside the server's own program, where `make install` puts it.
    char program[MAXPGPATH];
    strlcpy(program, my_exec_path, sizeof(program));
    get_parent_directory(program);
    strlcat(program, "/pganalytics-gateway", sizeof(program));

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return 0;
    const pid_t parent = getpid();
    // No handler of PostgreSQL may run in the child: it would set a latch in shared memory.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork();
    if (pid == 0) BecomeGateway(program, pair[1], listeners, parent);
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

int KillGateway(pid_t pid) {
    int wait_status = 0;
    kill(pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    return wait_status;
}

bool HasEnded(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == pid; }

void DescribeEnd(int wait_status, char* out, size_t out_size) {
    if (WIFSIGNALED(wait_status)) {
        pg_snprintf(out, out_size, "was ended by signal %d: %s", WTERMSIG(wait_status),
                    pg_strsignal(WTERMSIG(wait_status)));
    } else if (WEXITSTATUS(wait_status) == kExecFailed) {
        pg_snprintf(out, out_size, "could not be executed: is pganalytics-gateway beside %s?",
                    my_exec_path);
    } else {
        pg_snprintf(out, out_size, "ended with exit code %d", WEXITSTATUS(wait_status));
    }
}

}  // namespace pganalytics::bgworker
