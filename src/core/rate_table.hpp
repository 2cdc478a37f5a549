// Rate table: token buckets of many clients, in memory that processes share without locks.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/siphash.hpp"

namespace pganalytics::core {

// RateKind: what a bucket belongs to. kLogin is one role from one network, kLoginRole a role from
// anywhere, kLoginNetwork a network for any role.
enum class RateKind : uint64_t { kAddress = 1, kCollector, kLogin, kLoginRole, kLoginNetwork };

// RateKey names a bucket; what the words hold is its kind's own.
struct RateKey {
    RateKind kind = RateKind::kAddress;
    uint64_t words[2] = {};
    friend bool operator==(const RateKey&, const RateKey&) = default;
};

// RateLimit: a bucket holds `burst` tokens, one of which comes back each interval. Interval 0:
// there is no limit. REQUIRES: interval_ns * burst < 2^62.
struct RateLimit {
    uint64_t interval_ns = 0;
    uint64_t burst = 1;
};
constexpr RateLimit PerSecond(uint32_t rate, uint32_t burst) {
    return {rate == 0 ? 0 : 1'000'000'000 / uint64_t{rate}, burst};
}

// RateSlot is a bucket in shared memory, one cache line. Its time is the generic cell rate
// algorithm's (ITU-T I.371 annex A): when the bucket will be full again. One compare-and-swap of it
// takes a token, so that the count is exact whoever takes at the same time.
struct alignas(64) RateSlot {
    std::atomic<uint64_t> tag;  // hash of the key, 0 for a slot never used
    std::atomic<uint64_t> full_at_ns;
    std::atomic<uint64_t> taken;
    std::atomic<uint64_t> refused;
    std::atomic<uint64_t> refused_at_ns;
    std::atomic<uint64_t> kind;
    std::atomic<uint64_t> words[2];
};
static_assert(sizeof(RateSlot) == 64 && std::atomic<uint64_t>::is_always_lock_free);

// RateUse is what one bucket has seen since it was last put into the table.
struct RateUse {
    RateKey key;
    uint64_t full_at_ns = 0;
    uint64_t taken = 0;
    uint64_t refused = 0;
    uint64_t refused_at_ns = 0;  // 0: never
};

// RateTable is a view of the slots; all times are of CLOCK_MONOTONIC, in nanoseconds. A client has
// a slot while its bucket is not full, and mostly long after. When there are more clients than
// slots, one that is nearest to having a full bucket loses its slot; a request that races with that
// can count for the wrong client, nothing else is ever inexact. Whatever other processes write, an
// operation ends, stays in the memory and makes nobody wait longer than one interval.
class RateTable {
  public:
    // Without memory everything is allowed and nothing is counted.
    RateTable() = default;
    // `slots` is a power of two; the memory is zeroed before its first use, and outlives the table.
    RateTable(RateSlot* slots, uint32_t count, const SipKey& secret)
        : slots_(slots), count_(count), secret_(secret) {}

    // Take takes a token. 0: taken; else nothing is, and a token comes in so many nanoseconds.
    uint64_t Take(const RateKey& key, const RateLimit& limit, uint64_t now_ns);

    // Peek is Take that only says what it would give.
    uint64_t Peek(const RateKey& key, const RateLimit& limit, uint64_t now_ns) const;

    // GiveBack undoes one Take; Refill makes the bucket full.
    void GiveBack(const RateKey& key, const RateLimit& limit);
    void Refill(const RateKey& key);

    uint32_t count() const { return count_; }
    // Read gives what slot `i` holds. False when that is nothing, or being written.
    bool Read(uint32_t i, RateUse* use) const;

  private:
    uint64_t TagOf(const RateKey& key) const;
    RateSlot* Find(uint64_t tag) const;
    RateSlot* FindOrClaim(const RateKey& key, uint64_t tag);

    RateSlot* slots_ = nullptr;
    uint32_t count_ = 0;
    SipKey secret_;
};

}  // namespace pganalytics::core
