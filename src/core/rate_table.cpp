#include "core/rate_table.hpp"

namespace pganalytics::core {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// A key may be in any of this many consecutive slots. Its hash selects the first of them.
constexpr uint32_t kWindow = 16;
// Another process may be faster to claim a slot. After this many lost claims Take allows the
// request without counting it.
constexpr int kClaims = 4;

// Taken is the result of TakeAt. full_at_ns is the time when the bucket will be full again. wait_ns
// is 0 if a token was taken, else the time until there is a token.
struct Taken {
    uint64_t full_at_ns;
    uint64_t wait_ns;
};

Taken TakeAt(uint64_t full_at_ns, const RateLimit& limit, uint64_t now_ns) {
    // Treat a bucket that seems emptier than empty as empty: the limit may have changed, or another
    // process may have written nonsense. So nobody waits longer than one interval.
    const uint64_t empty_at = now_ns + limit.interval_ns * limit.burst;
    uint64_t from = full_at_ns > now_ns ? full_at_ns : now_ns;
    if (from > empty_at) from = empty_at;
    const uint64_t after = from + limit.interval_ns;
    if (after > empty_at) return {from, after - empty_at};
    return {after, 0};
}

}  // namespace

uint64_t RateTable::TagOf(const RateKey& key) const {
    const uint64_t words[3] = {static_cast<uint64_t>(key.kind), key.words[0], key.words[1]};
    const uint64_t tag = SipHash24(secret_, words, sizeof(words));
    return tag == 0 ? 1 : tag;
}

RateSlot* RateTable::Find(uint64_t tag) const {
    for (uint32_t i = 0; i < kWindow && i < count_; ++i) {
        RateSlot& slot = slots_[(tag + i) & (count_ - 1)];
        const uint64_t found = slot.tag.load(std::memory_order_acquire);
        if (found == tag) return &slot;
        // A used slot never becomes unused again, so no slot after the first unused one can have
        // this key.
        if (found == 0) return nullptr;
    }
    return nullptr;
}

RateSlot* RateTable::FindOrClaim(const RateKey& key, uint64_t tag) {
    for (int claim = 0; claim < kClaims; ++claim) {
        if (RateSlot* const found = Find(tag)) return found;
        RateSlot* victim = nullptr;
        uint64_t victim_tag = 0;
        uint64_t victim_full_at = 0;
        for (uint32_t i = 0; i < kWindow && i < count_; ++i) {
            RateSlot& slot = slots_[(tag + i) & (count_ - 1)];
            const uint64_t slot_tag = slot.tag.load(std::memory_order_acquire);
            const uint64_t full_at = slot.full_at_ns.load(kRelaxed);
            if (victim == nullptr || slot_tag == 0 || full_at < victim_full_at) {
                victim = &slot;
                victim_tag = slot_tag;
                victim_full_at = full_at;
            }
            if (slot_tag == 0) break;
        }
        if (victim == nullptr) return nullptr;
        if (!victim->tag.compare_exchange_strong(victim_tag, tag, std::memory_order_acq_rel)) {
            continue;
        }
        // Make the new bucket full, unless another request has taken a token from it since the loop
        // above read full_at_ns.
        victim->full_at_ns.compare_exchange_strong(victim_full_at, 0, kRelaxed);
        victim->taken.store(0, kRelaxed);
        victim->refused.store(0, kRelaxed);
        victim->refused_at_ns.store(0, kRelaxed);
        victim->kind.store(static_cast<uint64_t>(key.kind), kRelaxed);
        victim->words[0].store(key.words[0], kRelaxed);
        victim->words[1].store(key.words[1], kRelaxed);
        return victim;
    }
    return nullptr;
}

uint64_t RateTable::Take(const RateKey& key, const RateLimit& limit, uint64_t now_ns) {
    if (limit.interval_ns == 0) return 0;
    RateSlot* const slot = FindOrClaim(key, TagOf(key));
    if (slot == nullptr) return 0;
    uint64_t full_at = slot->full_at_ns.load(kRelaxed);
    Taken taken;
    do {
        taken = TakeAt(full_at, limit, now_ns);
    } while (full_at != taken.full_at_ns &&
             !slot->full_at_ns.compare_exchange_weak(full_at, taken.full_at_ns, kRelaxed));
    if (taken.wait_ns == 0) {
        slot->taken.fetch_add(1, kRelaxed);
    } else {
        slot->refused.fetch_add(1, kRelaxed);
        slot->refused_at_ns.store(now_ns, kRelaxed);
    }
    return taken.wait_ns;
}

uint64_t RateTable::Peek(const RateKey& key, const RateLimit& limit, uint64_t now_ns) const {
    if (limit.interval_ns == 0) return 0;
    const RateSlot* const slot = Find(TagOf(key));
    return slot == nullptr ? 0 : TakeAt(slot->full_at_ns.load(kRelaxed), limit, now_ns).wait_ns;
}

void RateTable::GiveBack(const RateKey& key, const RateLimit& limit) {
    RateSlot* const slot = Find(TagOf(key));
    if (slot == nullptr) return;
    uint64_t full_at = slot->full_at_ns.load(kRelaxed);
    uint64_t before = 0;
    do {
        before = full_at > limit.interval_ns ? full_at - limit.interval_ns : 0;
    } while (!slot->full_at_ns.compare_exchange_weak(full_at, before, kRelaxed));
}

void RateTable::Refill(const RateKey& key) {
    if (RateSlot* const slot = Find(TagOf(key))) slot->full_at_ns.store(0, kRelaxed);
}

bool RateTable::Read(uint32_t i, RateUse* use) const {
    const RateSlot& slot = slots_[i];
    const uint64_t tag = slot.tag.load(std::memory_order_acquire);
    use->key.kind = static_cast<RateKind>(slot.kind.load(kRelaxed));
    use->key.words[0] = slot.words[0].load(kRelaxed);
    use->key.words[1] = slot.words[1].load(kRelaxed);
    use->full_at_ns = slot.full_at_ns.load(kRelaxed);
    use->taken = slot.taken.load(kRelaxed);
    use->refused = slot.refused.load(kRelaxed);
    use->refused_at_ns = slot.refused_at_ns.load(kRelaxed);
    return tag != 0 && TagOf(use->key) == tag;
}

}  // namespace pganalytics::core
