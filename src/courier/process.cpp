#include "courier/process.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/sanitizers.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {
namespace {

// Sixteen deliveries of 16 MiB, each once as it came and, of a mail, once more encoded; a thread
// with its stack for each name that is looked up.
constexpr rlim_t kAddressSpaceBytes = rlim_t{2} << 30;
constexpr rlim_t kDescriptors = 256;
constexpr rlim_t kStackBytes = rlim_t{8} << 20;

void Lower(int what, rlim_t to) {
    rlimit limit = {};
    if (getrlimit(static_cast<__rlimit_resource>(what), &limit) != 0) return;
    limit.rlim_cur = std::min(to, limit.rlim_max);
    limit.rlim_max = limit.rlim_cur;
    setrlimit(static_cast<__rlimit_resource>(what), &limit);
}

void WipeAndFree(void* memory) {
    if (memory == nullptr) return;
    OPENSSL_cleanse(memory, malloc_usable_size(memory));
    std::free(memory);
}

void* Resize(void* memory, size_t size) {
    if (memory == nullptr) return std::malloc(size);
    const size_t before = malloc_usable_size(memory);
    if (size != 0 && size <= before) return memory;
    void* const larger = std::malloc(size);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, std::min(before, size));
    WipeAndFree(memory);
    return larger;
}

void* OpenSslAllocate(size_t size, const char*, int) { return std::malloc(size); }
void* OpenSslResize(void* memory, size_t size, const char*, int) {
    if (size != 0) return Resize(memory, size);
    WipeAndFree(memory);
    return nullptr;
}
void OpenSslFree(void* memory, const char*, int) { WipeAndFree(memory); }

}  // namespace

void PrepareProcess() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    // Before the process is no longer dumpable: its files in /proc are root's then.
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t ignored = write(fd, "500", 3);
        static_cast<void>(ignored);
        close(fd);
    }
    Lower(RLIMIT_CORE, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    fcntl(protocol::kWorkerFd, F_SETFD, FD_CLOEXEC);
    // Another arena, for a thread, would count the processors, which the sandbox forbids.
    mallopt(M_ARENA_MAX, 1);
    tzset();
}

void LimitMemory() {
    Lower(RLIMIT_NOFILE, kDescriptors);
    Lower(RLIMIT_STACK, kStackBytes);
    if (!PGANALYTICS_SANITIZED) Lower(RLIMIT_AS, kAddressSpaceBytes);
}

bool StartLibraries() {
    return CRYPTO_set_mem_functions(&OpenSslAllocate, &OpenSslResize, &OpenSslFree) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr) == 1 &&
           curl_global_init_mem(CURL_GLOBAL_DEFAULT, &std::malloc, &WipeAndFree, &Resize, &strdup,
                                &calloc) == CURLE_OK;
}

std::string HostName() {
    char name[256] = {};
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

}  // namespace pganalytics::courier
