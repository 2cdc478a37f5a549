// Rate table: token buckets of many clients, in memory that processes share without locks.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/siphash.hpp"

namespace pganalytics::core {

// RateKind says what a bucket limits. kAddress: the requests of one network. kCollector: the
// requests of one collector. kLogin: logins of one role from one network. kLoginRole: logins of one
// role from all networks together. kLoginNetwork: logins of all roles together from one network.
enum class RateKind : uint64_t { kAddress = 1, kCollector, kLogin, kLoginRole, kLoginNetwork };

// RateKey identifies a bucket; the meaning of the words depends on the kind.
struct RateKey {
    RateKind kind = RateKind::kAddress;
    uint64_t words[2] = {};
    friend bool operator==(const RateKey&, const RateKey&) = default;
};

// RateLimit: a bucket holds up to `burst` tokens and regains one token per interval. Interval 0
// means that there is no limit. REQUIRES: interval_ns * burst < 2^62.
struct RateLimit {
    uint64_t interval_ns = 0;
    uint64_t burst = 1;
};
constexpr RateLimit PerSecond(uint32_t rate, uint32_t burst) {
    return {rate == 0 ? 0 : 1'000'000'000 / uint64_t{rate}, burst};
}

// RateSlot is a bucket in shared memory, one cache line. It stores the time when the bucket will be
// full again (the generic cell rate algorithm, ITU-T I.371 annex A). One compare-and-swap of that
// time takes a token, so the count is exact under concurrent use.
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

// RateUse says how one bucket was used since it got its slot in the table.
struct RateUse {
    RateKey key;
    uint64_t full_at_ns = 0;
    uint64_t taken = 0;
    uint64_t refused = 0;
    uint64_t refused_at_ns = 0;  // 0: never
};

// RateTable keeps one token bucket per client, each in a slot. A client is whatever a RateKey
// names. The table does not own the memory of the slots. All times are nanoseconds of
// CLOCK_MONOTONIC.
//
// A client can have only one of a few slots. If all of them are used, a new client takes over the
// one whose bucket is full or closest to full. A request that races with a takeover can be counted
// for the wrong client, or be allowed without being counted. All other counts are exact.
//
// Other processes may write anything into the slots. Even then each operation terminates, stays
// within the memory, and makes nobody wait longer than one interval.
class RateTable {
  public:
    // A table without memory allows every request and counts nothing.
    RateTable() = default;
    // REQUIRES: `count` is a power of two. The memory at `slots` is zeroed before its first use and
    // outlives the table.
    RateTable(RateSlot* slots, uint32_t count, const SipKey& secret)
        : slots_(slots), count_(count), secret_(secret) {}

    // Take takes a token and returns 0. If the bucket has none, Take returns the nanoseconds until
    // it has one.
    uint64_t Take(const RateKey& key, const RateLimit& limit, uint64_t now_ns);

    // Peek returns what Take would return, but takes no token.
    uint64_t Peek(const RateKey& key, const RateLimit& limit, uint64_t now_ns) const;

    // GiveBack undoes one Take; Refill makes the bucket full.
    void GiveBack(const RateKey& key, const RateLimit& limit);
    void Refill(const RateKey& key);

    uint32_t count() const { return count_; }
    // Read copies the content of slot `i` to *use. It returns false if the slot is empty or another
    // process is writing to it.
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
