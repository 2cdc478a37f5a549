// Tally: counts by key of what strangers can cause as often as they like, and when each count is to
// be told: the first of a key at once, what follows together, after 10 s, then 20 s and so on up to
// 10 minutes while it goes on. A fixed number of keys is counted apart, and a place is given to
// another key two minutes after it was last told of; so however many keys there are, what is told
// is bounded: with 32 places some 1,000 times an hour. The counts are exact. No clock, no heap.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pganalytics::core {

inline constexpr int64_t kTallyFirstWaitMs = 10'000;
inline constexpr int64_t kTallyLongestWaitMs = 600'000;
inline constexpr int64_t kTallyKeepMs = 120'000;

// Counted is what is to be told: so many of a key, over so long a time.
template <typename Key>
struct Counted {
    Key key;
    uint64_t count;
    int64_t over_ms;
};

// Key is plain memory with ==, a Kind() below kKinds, and a Rest() that keeps nothing but the kind:
// what keys without a place are counted under.
template <typename Key, size_t kSlots, size_t kKinds>
class Tally {
  public:
    // Add counts `count` of a key at a time that never goes back. True if *due is to be told now.
    bool Add(const Key& key, uint64_t count, int64_t now_ms, Counted<Key>* due) {
        Slot* slot = Find(key, now_ms);
        if (slot == nullptr) {
            slot = &slots_[kSlots + key.Kind()];
            if (!slot->used) Take(slot, key.Rest());
        }
        if (slot->count == 0) slot->since_ms = now_ms;
        slot->count += count;
        return Tell(slot, now_ms, due);
    }

    // Next gives a count whose time has come, false if there is none.
    bool Next(int64_t now_ms, Counted<Key>* due) {
        for (Slot& slot : slots_) {
            if (slot.count > 0 && Tell(&slot, now_ms, due)) return true;
        }
        return false;
    }

    // Last gives a count whatever its time, false if all are told.
    bool Last(int64_t now_ms, Counted<Key>* due) {
        for (Slot& slot : slots_) {
            if (slot.count == 0) continue;
            slot.next_ms = now_ms;
            return Tell(&slot, now_ms, due);
        }
        return false;
    }

  private:
    struct Slot {
        Key key;
        bool used;
        uint64_t count;    // since it was last told of
        int64_t since_ms;  // of the first of them
        int64_t told_ms;
        int64_t next_ms;  // not before
        int64_t wait_ms;
    };

    static void Take(Slot* slot, const Key& key) {
        *slot = {};
        slot->key = key;
        slot->used = true;
    }

    // Find gives the place of a key, nullptr if there is none for it.
    Slot* Find(const Key& key, int64_t now_ms) {
        Slot* free = nullptr;
        for (size_t i = 0; i < kSlots; ++i) {
            Slot& slot = slots_[i];
            if (slot.used && slot.key == key) return &slot;
            const bool idle =
                !slot.used || (slot.count == 0 && now_ms >= slot.told_ms + kTallyKeepMs &&
                               now_ms >= slot.next_ms);
            if (free == nullptr && idle) free = &slot;
        }
        if (free != nullptr) Take(free, key);
        return free;
    }

    static bool Tell(Slot* slot, int64_t now_ms, Counted<Key>* due) {
        if (slot->wait_ms != 0 && now_ms < slot->next_ms) return false;
        // Who was quiet for as long as it last had to wait begins anew.
        const bool quiet = slot->wait_ms == 0 || slot->since_ms >= slot->next_ms;
        slot->wait_ms =
            quiet ? kTallyFirstWaitMs : std::min(2 * slot->wait_ms, kTallyLongestWaitMs);
        *due = {slot->key, slot->count, now_ms - slot->since_ms};
        slot->count = 0;
        slot->told_ms = now_ms;
        slot->next_ms = now_ms + slot->wait_ms;
        return true;
    }

    Slot slots_[kSlots + kKinds] = {};
};

}  // namespace pganalytics::core
