// Tracker: what of a snapshot is to be sent, given what the analytics server has acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/sampler.hpp"
#include "collector/snapshot.hpp"

namespace pganalytics::collector {

// kFullEvery is how often everything is sent, changed or not.
inline constexpr std::chrono::hours kFullEvery{1};

// kTextTries is how often a text that could not be had is asked for before only full pushes ask.
inline constexpr uint8_t kTextTries = 3;

struct PlannedRow {
    uint32_t statement = 0;  // index into the snapshot
    bool changed = true;     // false: only its text is missing at the other side
    bool wants_text = false;
    int32_t text = -1;  // index into Plan::texts, -1 none
    // The time of the snapshot after which these counters began from zero, when that was seen.
    std::optional<core::TimestampMicros> stats_since;
};

// Plan is one push. Every statement of the snapshot is either a row or counted in `unchanged`.
struct Plan {
    uint64_t snapshot = 0;  // its number, from 1
    bool full = false;
    std::vector<PlannedRow> rows;     // by database
    std::vector<uint64_t> unchanged;  // by index of the database's name
    std::vector<std::string> texts;
};

// Acknowledged is what has become of earlier pushes.
struct Acknowledged {
    uint64_t snapshot = 0;   // the newest that was stored
    bool full_lost = false;  // a full push was dropped or refused since the last time asked
};

// Tracker numbers the snapshots and remembers for each statement in which one it last changed: a
// push carries what changed after the last acknowledged snapshot. So an acknowledgement is one
// number, and a push that is lost on the way costs nothing: the next one carries its changes too.
// Pure: no clock, no socket.
class Tracker {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    // Observe takes in a complete snapshot. The plan's rows say which texts it wants.
    Plan Observe(Snapshot snapshot, const Acknowledged& acknowledged, SteadyTime now);

    // WantedTexts gives the queryids whose texts the plan wants.
    std::vector<int64_t> WantedTexts(const Plan& plan) const;

    // AttachTexts puts in the texts that were found and takes out the rows that stood there only
    // for a text that was not. REQUIRES: the plan is of the newest snapshot.
    void AttachTexts(const Texts& texts, Plan* plan);

    // snapshot is the newest one; valid until the next Observe.
    const Snapshot& snapshot() const { return newest_; }

  private:
    struct Entry {
        uint32_t statement = 0;  // index into newest_
        uint8_t text_failures = 0;
        uint64_t seen_at = 0;  // snapshot numbers; 0 = never
        uint64_t changed_at = 0;
        uint64_t began_at = 0;  // its counters began from zero before this snapshot
        uint64_t text_at = 0;   // every push since this snapshot carried the text
        core::TimestampMicros began_after = 0;
    };

    void Compare(const Snapshot& snapshot, uint32_t statement, Entry* entry) const;
    bool WantsText(const Entry& entry, bool full) const;

    Snapshot newest_;
    std::unordered_map<StatementKey, Entry, StatementKeyHash> entries_;
    uint64_t number_ = 0;
    uint64_t acknowledged_ = 0;
    std::optional<SteadyTime> last_full_;
};

}  // namespace pganalytics::collector
