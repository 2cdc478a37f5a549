#include "gateway/process/rate_limiter.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstring>

#include "http/problem.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::RateKey;
using core::RateKind;
using core::RateSlot;
using http::Response;
using http::Task;

constexpr uint32_t kMaxSlots = 1u << 20;
constexpr uint32_t kMaxRate = 1'000'000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;
// The largest body that is read before a 429. Reading it costs both sides less than a new
// handshake.
constexpr uint64_t kSmallBodyBytes = 64 << 10;

RateKey KeyOf(RateKind kind, const unsigned char (&bytes)[16]) {
    RateKey key{kind, {}};
    static_assert(sizeof(key.words) == sizeof(bytes));
    std::memcpy(key.words, bytes, sizeof(bytes));
    return key;
}

bool InRange(uint32_t rate, uint32_t burst) {
    return rate <= kMaxRate && burst >= 1 && burst <= kMaxRate;
}

}  // namespace

core::Result<RateLimiter> RateLimiter::Open(const protocol::GatewayConfig& config) {
    RateLimiter limiter(config);
    if (!InRange(config.address_rate, config.address_burst) ||
        !InRange(config.collector_rate, config.collector_burst) || config.rate_slots > kMaxSlots) {
        return Error{"the worker's rate limits are out of range"};
    }
    if (config.rate_slots == 0) return limiter;
    const int fd = protocol::kFirstListenerFd + static_cast<int>(config.listeners);
    const size_t bytes = config.rate_slots * sizeof(RateSlot);
    struct stat file = {};
    if (!std::has_single_bit(config.rate_slots) || fstat(fd, &file) != 0 ||
        !S_ISREG(file.st_mode) || static_cast<uint64_t>(file.st_size) != bytes) {
        return Error{"descriptor " + std::to_string(fd) + " is not the memory of rate limits"};
    }
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return Error{std::string("could not map the memory of rate limits: ") +
                     std::strerror(errno)};
    }
    close(fd);
    limiter.table_ =
        core::RateTable(static_cast<RateSlot*>(memory), config.rate_slots, config.rate_secret);
    return limiter;
}

unsigned RateLimiter::Take(const RateKey& key, const core::RateLimit& limit) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    const uint64_t wait_ns = table_.Take(key, limit, static_cast<uint64_t>(now_ns));
    return static_cast<unsigned>((wait_ns + kNsPerSecond - 1) / kNsPerSecond);
}

unsigned RateLimiter::TakeAddress(const core::Address& address) {
    return Take(KeyOf(RateKind::kAddress, core::NetworkOf(address).bytes), address_);
}

Task<std::optional<Response>> RateLimiter::TakeCollector(http::Exchange& exchange,
                                                         const core::Uuid& collector_id) {
    if (protocol::IsZero(collector_id)) co_return std::nullopt;
    const unsigned wait_s = Take(KeyOf(RateKind::kCollector, collector_id.bytes), collector_);
    if (wait_s == 0) co_return std::nullopt;
    http::RequestParser& request = exchange.request();
    // A client that waits for "100 Continue" sends no body, so there is nothing to read.
    if (!request.expects_continue() &&
        request.content_length().value_or(kSmallBodyBytes + 1) <= kSmallBodyBytes) {
        const core::Status ignored = co_await exchange.ReadBody();
        static_cast<void>(ignored);
    }
    co_return http::Problem(
        http::ProblemDetails{429, "this collector sends too many requests", "", "", wait_s});
}

}  // namespace pganalytics::gateway
