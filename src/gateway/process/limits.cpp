#include "gateway/process/limits.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include <string>

#include "sandbox/process.hpp"

namespace pganalytics::gateway {
namespace {

// malloc keeps freed buffers smaller than this. Otherwise it would ask the kernel for zeroed pages
// for each new buffer.
constexpr int kKeepBelowBytes = 4 << 20;

// For each byte of a document, simdjson needs 4 bytes of index and 5/3 bytes of string buffer. The
// rest of the 24 bytes is for the inflated document, the bodies in memory, and frames.
constexpr uint64_t kAddressSpacePerBodyByte = 24;
constexpr uint64_t kAddressSpaceBase = uint64_t{1} << 30;
constexpr uint64_t kAddressSpacePerConnection = 256 << 10;

// For the worker, the listening sockets, the event loop, files that are read at the start.
constexpr rlim_t kOwnDescriptors = 32;

}  // namespace

core::Status CheckDescriptors(uint32_t max_connections) {
    rlimit files = {};
    const rlim_t needed = rlim_t{max_connections} + kOwnDescriptors;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= needed) return core::Unit{};
    return core::Error{"the limit of open files (ulimit -n) is " + std::to_string(files.rlim_cur) +
                       "; " + std::to_string(max_connections) + " connections need " +
                       std::to_string(needed)};
}

void KeepBuffers() {
    mallopt(M_MMAP_THRESHOLD, kKeepBelowBytes);
    mallopt(M_TRIM_THRESHOLD, 2 * kKeepBelowBytes);
}

void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections) {
    sandbox::LimitAddressSpace(kAddressSpaceBase + kAddressSpacePerBodyByte * max_body_bytes +
                               kAddressSpacePerConnection * max_connections);
}

}  // namespace pganalytics::gateway
