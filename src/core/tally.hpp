// Tally: counts events by key and decides when to emit each count. Clients and roles that nobody
// trusts can cause events at will, so the output must be bounded. Tally emits the first event of a
// key at once. While more events come, it emits their count after 10 s, then after another 20 s,
// and so on. The wait doubles up to 10 minutes.
//
// Only a fixed number of keys have a slot each. Keys have owners, for example the address from
// which all requests of an attacker come. An owner holds at most a quarter of the slots, so that
// the keys of one owner do not take the slots of all others. Keys without a slot share one: that of
// their owner, or, if no slot is free for the owner, that of their kind.
//
// Each emission costs its slot kTallyCostMs x kSlots. Until that is paid, the waits of the slot go
// on growing and no other key gets it. So all slots together emit fewer than 1,000 counts an hour,
// whatever keys come and whenever. The counts are exact.
//
// Tally uses no heap and no pointers, so processes can share it. The caller passes the time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pganalytics::core {

inline constexpr int64_t kTallyFirstWaitMs = 10'000;
inline constexpr int64_t kTallyLongestWaitMs = 600'000;
// 800 emissions an hour, for all slots together.
inline constexpr int64_t kTallyCostMs = 4'500;

// Counted is a count to emit: the key, the number of events, and over_ms, the time from the first
// of these events to the emission.
template <typename Key>
struct Counted {
    Key key;
    uint64_t count;
    int64_t over_ms;
};

// Key is plain memory with ==. Its Kind() is a number below kKinds. Its Owner() is a number that
// stands for its owner; 0: it has none, and all slots are open to it. OfOwner() is the key that
// holds kind and owner alone, and Rest() the key that holds the kind alone: under these Tally
// counts events that have no slot of their own. OfOwner() has the same owner as its key.
template <typename Key, size_t kSlots, size_t kKinds>
class Tally {
  public:
    static constexpr size_t kPlaces = kSlots + kKinds;

    // Add counts `count` events of `key`. It returns true if a count must be emitted now, and
    // writes that count to *due. REQUIRES: now_ms never goes back.
    bool Add(const Key& key, uint64_t count, int64_t now_ms, Counted<Key>* due) {
        const size_t place = Count(key, count, now_ms);
        return IsDue(place, now_ms) && Emit(place, now_ms, due);
    }

    // Next looks for a count that is due and stores it in *due. It returns false if there is none.
    bool Next(int64_t now_ms, Counted<Key>* due) {
        for (size_t place = 0; place < kPlaces; ++place) {
            if (IsDue(place, now_ms)) return Emit(place, now_ms, due);
        }
        return false;
    }

    // Last stores any count that is left in *due, even one that is not due yet. It returns false if
    // no count is left.
    bool Last(int64_t now_ms, Counted<Key>* due) {
        for (size_t place = 0; place < kPlaces; ++place) {
            if (slots_[place].count > 0) return Emit(place, now_ms, due);
        }
        return false;
    }

    // The functions from here are for a caller that counts in one process and emits in another.

    // Count counts `count` events of `key` and returns the place that has them: a number below
    // kPlaces.
    size_t Count(const Key& key, uint64_t count, int64_t now_ms) {
        const size_t place = PlaceFor(key, now_ms);
        Slot& slot = slots_[place];
        if (slot.count == 0) slot.since_ms = now_ms;
        slot.count += count;
        return place;
    }

    // IsDue: the place has a count that must be emitted now. At returns the count of a place.
    bool IsDue(size_t place, int64_t now_ms) const {
        const Slot& slot = slots_[place];
        return slot.count > 0 && (slot.wait_ms == 0 || now_ms >= slot.next_ms);
    }
    Counted<Key> At(size_t place, int64_t now_ms) const {
        const Slot& slot = slots_[place];
        return {slot.key, slot.count, now_ms - slot.since_ms};
    }

    // Emitted subtracts `count` events that the caller has emitted from the count of a place.
    // REQUIRES: the place had at least that many.
    void Emitted(size_t place, uint64_t count, int64_t now_ms) {
        Slot& slot = slots_[place];
        // A key that was silent until its emissions were paid begins with the shortest wait again.
        const bool anew = slot.wait_ms == 0 || slot.since_ms >= slot.paid_ms;
        slot.wait_ms = anew ? kTallyFirstWaitMs : std::min(2 * slot.wait_ms, kTallyLongestWaitMs);
        slot.count -= count;
        slot.since_ms = now_ms;
        slot.next_ms = now_ms + slot.wait_ms;
        slot.paid_ms = std::max(slot.paid_ms, now_ms) + kCostMs;
    }

  private:
    static constexpr int64_t kCostMs = kTallyCostMs * static_cast<int64_t>(kSlots);
    static constexpr size_t kMostOfOwner = std::max<size_t>(kSlots / 4, 1);

    struct Slot {
        Key key;
        bool used;
        uint64_t count;    // since the last emission
        int64_t since_ms;  // time of the first event since the last emission
        int64_t next_ms;   // no emission before this time
        int64_t wait_ms;   // 0: nothing was emitted yet
        int64_t paid_ms;   // when the emissions until now are paid
    };

    bool Emit(size_t place, int64_t now_ms, Counted<Key>* due) {
        *due = At(place, now_ms);
        Emitted(place, due->count, now_ms);
        return true;
    }

    size_t PlaceFor(const Key& key, int64_t now_ms) {
        size_t place = Find(key, now_ms, kMostOfOwner);
        if (place == kSlots && key.Owner() != 0) place = Find(key.OfOwner(), now_ms, kSlots);
        if (place < kSlots) return place;
        const size_t rest = kSlots + key.Kind();
        if (!slots_[rest].used) Take(rest, key.Rest());
        return rest;
    }

    // Find returns the place of `key`. If the key has none, it gets a free slot, unless its owner
    // has `most` slots already. If it gets none, Find returns kSlots.
    size_t Find(const Key& key, int64_t now_ms, size_t most) {
        size_t free = kSlots;
        size_t owned = 0;
        const uint64_t owner = key.Owner();
        for (size_t i = 0; i < kSlots; ++i) {
            const Slot& slot = slots_[i];
            if (slot.used && slot.key == key) return i;
            if (IsFree(slot, now_ms)) {
                if (free == kSlots) free = i;
            } else if (owner != 0 && slot.key.Owner() == owner) {
                ++owned;
            }
        }
        if (free == kSlots || owned >= most) return kSlots;
        Take(free, key);
        return free;
    }

    static bool IsFree(const Slot& slot, int64_t now_ms) {
        return !slot.used || (slot.count == 0 && now_ms >= slot.next_ms && now_ms >= slot.paid_ms);
    }

    void Take(size_t place, const Key& key) {
        slots_[place] = {};
        slots_[place].key = key;
        slots_[place].used = true;
    }

    Slot slots_[kPlaces] = {};
};

}  // namespace pganalytics::core
