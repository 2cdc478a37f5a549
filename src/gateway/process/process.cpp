#include "gateway/process/process.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/sanitizers.hpp"

namespace pganalytics::gateway {
namespace {

// Buffers of a push live for milliseconds: below this malloc keeps their pages instead of asking
// the kernel for zeroed ones each time.
constexpr int kKeepBelowBytes = 4 << 20;

// simdjson: 4 bytes of index and 5/3 of string buffer for each of the document's; the document
// itself inflated; the bodies in memory; frames.
constexpr uint64_t kAddressSpacePerBodyByte = 24;
constexpr uint64_t kAddressSpaceBase = uint64_t{1} << 30;
constexpr uint64_t kAddressSpacePerConnection = 256 << 10;

}  // namespace

void PrepareProcess() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t ignored = write(fd, "500", 3);
        static_cast<void>(ignored);
        close(fd);
    }
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    rlimit files = {};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    // One arena: a second one, for the thread that writes frames, would count the processors, which
    // the sandbox forbids.
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, kKeepBelowBytes);
    mallopt(M_TRIM_THRESHOLD, 2 * kKeepBelowBytes);
    tzset();
}

void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections) {
    if (PGANALYTICS_SANITIZED) return;
    const uint64_t bytes = kAddressSpaceBase + kAddressSpacePerBodyByte * max_body_bytes +
                           kAddressSpacePerConnection * max_connections;
    rlimit space = {};
    if (getrlimit(RLIMIT_AS, &space) != 0) return;
    space.rlim_cur = space.rlim_max == RLIM_INFINITY ? bytes : std::min(bytes, space.rlim_max);
    setrlimit(RLIMIT_AS, &space);
}

}  // namespace pganalytics::gateway
