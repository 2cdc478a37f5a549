// Tally: counts events by key and decides when to emit each count. Untrusted clients can cause
// events at will, so the output must be bounded. Tally emits the first event of a key at once.
// While more events come, it emits their count after 10 s, then after another 20 s, and so on. The
// wait doubles up to 10 minutes.
//
// Only a fixed number of keys have a slot each. A slot can go to another key when all its events
// are emitted, its wait is over, and its last emission is at least two minutes ago. So however many
// keys there are, 32 slots emit only some 1,000 counts an hour. The counts are exact.
//
// Tally uses no heap. The caller passes the time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pganalytics::core {

inline constexpr int64_t kTallyFirstWaitMs = 10'000;
inline constexpr int64_t kTallyLongestWaitMs = 600'000;
inline constexpr int64_t kTallyKeepMs = 120'000;

// Counted is a count to emit: the key, the number of events, and over_ms, the time from the first
// of these events to the emission.
template <typename Key>
struct Counted {
    Key key;
    uint64_t count;
    int64_t over_ms;
};

// Key is plain memory with ==. Its Kind() is a number below kKinds. Its Rest() is a key that holds
// the kind alone. If no slot is free for a key, Tally counts the events of that key under Rest().
template <typename Key, size_t kSlots, size_t kKinds>
class Tally {
  public:
    // Add counts `count` events of `key`. It returns true if a count must be emitted now, and
    // writes that count to *due. REQUIRES: now_ms never goes back.
    bool Add(const Key& key, uint64_t count, int64_t now_ms, Counted<Key>* due) {
        Slot* slot = Find(key, now_ms);
        if (slot == nullptr) {
            slot = &slots_[kSlots + key.Kind()];
            if (!slot->used) Take(slot, key.Rest());
        }
        if (slot->count == 0) slot->since_ms = now_ms;
        slot->count += count;
        return Emit(slot, now_ms, due);
    }

    // Next looks for a count that is due and stores it in *due. It returns false if there is none.
    bool Next(int64_t now_ms, Counted<Key>* due) {
        for (Slot& slot : slots_) {
            if (slot.count > 0 && Emit(&slot, now_ms, due)) return true;
        }
        return false;
    }

    // Last stores any count that is left in *due, even one that is not due yet. It returns false if
    // no count is left.
    bool Last(int64_t now_ms, Counted<Key>* due) {
        for (Slot& slot : slots_) {
            if (slot.count == 0) continue;
            slot.next_ms = now_ms;
            return Emit(&slot, now_ms, due);
        }
        return false;
    }

  private:
    struct Slot {
        Key key;
        bool used;
        uint64_t count;    // since the last emission
        int64_t since_ms;  // time of the first event since the last emission
        int64_t emitted_ms;
        int64_t next_ms;  // no emission before this time
        int64_t wait_ms;
    };

    static void Take(Slot* slot, const Key& key) {
        *slot = {};
        slot->key = key;
        slot->used = true;
    }

    // Find returns the slot of `key`. If the key has none, Find gives it a free slot. It returns
    // nullptr if no slot is free.
    Slot* Find(const Key& key, int64_t now_ms) {
        Slot* free = nullptr;
        for (size_t i = 0; i < kSlots; ++i) {
            Slot& slot = slots_[i];
            if (slot.used && slot.key == key) return &slot;
            const bool idle =
                !slot.used || (slot.count == 0 && now_ms >= slot.emitted_ms + kTallyKeepMs &&
                               now_ms >= slot.next_ms);
            if (free == nullptr && idle) free = &slot;
        }
        if (free != nullptr) Take(free, key);
        return free;
    }

    static bool Emit(Slot* slot, int64_t now_ms, Counted<Key>* due) {
        if (slot->wait_ms != 0 && now_ms < slot->next_ms) return false;
        // If a full wait passes without an event, the next wait of the key is the shortest again.
        const bool quiet = slot->wait_ms == 0 || slot->since_ms >= slot->next_ms;
        slot->wait_ms =
            quiet ? kTallyFirstWaitMs : std::min(2 * slot->wait_ms, kTallyLongestWaitMs);
        *due = {slot->key, slot->count, now_ms - slot->since_ms};
        slot->count = 0;
        slot->emitted_ms = now_ms;
        slot->next_ms = now_ms + slot->wait_ms;
        return true;
    }

    Slot slots_[kSlots + kKinds] = {};
};

}  // namespace pganalytics::core
