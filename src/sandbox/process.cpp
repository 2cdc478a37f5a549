#include "sandbox/process.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/sanitizers.hpp"

namespace pganalytics::sandbox {
namespace {

void GoFirst() {
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    const ssize_t ignored = write(fd, "500", 3);
    static_cast<void>(ignored);
    close(fd);
}

}  // namespace

void PrepareProcess(const Process& process) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (process.first_to_go) GoFirst();
    LowerLimit(RLIMIT_CORE, 0);
    // Do this after all uses of /proc: from here on root owns the process's own files there, so the
    // process can no longer open them.
    if (process.hides_memory) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    fcntl(process.worker_fd, F_SETFD, FD_CLOEXEC);
    // Allow only one arena. To make another for a new thread, malloc would count the processors,
    // and no sandbox allows the system call for that.
    mallopt(M_ARENA_MAX, 1);
    // Read the time zone before the sandbox is in force, because OpenSSL would read it only at the
    // first certificate of a peer.
    tzset();
}

void LowerLimit(__rlimit_resource resource, rlim_t to) {
    rlimit limit = {};
    if (getrlimit(resource, &limit) != 0) return;
    limit.rlim_cur = std::min(to, limit.rlim_max);
    limit.rlim_max = limit.rlim_cur;
    setrlimit(resource, &limit);
}

void LimitAddressSpace(uint64_t bytes) {
    if (!PGANALYTICS_SANITIZED) LowerLimit(RLIMIT_AS, bytes);
}

std::string HostName() {
    char name[256] = {};
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

}  // namespace pganalytics::sandbox
