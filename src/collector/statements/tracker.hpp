// Tracker: decides what of a snapshot to send, given what the analytics server has acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/sources/sampler.hpp"
#include "collector/sources/snapshot.hpp"
#include "collector/statements/limiter.hpp"

namespace pganalytics::collector {

// kFullEvery is the time between two full pushes. A full push sends all rows, changed or not.
inline constexpr std::chrono::hours kFullEvery{1};

// After kTextTries failures to read a text, only full pushes ask for it.
inline constexpr uint8_t kTextTries = 3;

// Base is a row from which the server counts a series anew: the difference to the row before it is
// no activity.
struct Base {
    uint64_t since = 0;  // number of the snapshot that first sent it
    core::TimestampMicros sampled_at = 0;
    std::vector<uint64_t> counters;
};

struct PlannedRow {
    uint32_t statement = 0;            // index into the snapshot
    std::shared_ptr<const Base> base;  // if set, the row is this base; else the snapshot's row
    bool changed = true;               // false: sent only because the server lacks its text
    bool wants_text = false;
    int32_t text = -1;  // index into Plan::texts, -1 none
    // The counters began from zero after the snapshot with this sampled_at; empty if not observed.
    std::optional<core::TimestampMicros> stats_since;
};

// Plan is one push. Every row of the limited snapshot is either in `rows` or counted in
// `unchanged`; bases are additional.
struct Plan {
    uint64_t snapshot = 0;  // its number, from 1
    bool full = false;
    std::vector<PlannedRow> rows;     // sorted by database, then time
    std::vector<uint64_t> unchanged;  // number of rows; index as in Snapshot::names
    std::vector<uint64_t> merged;     // as Limited::merged
    std::vector<std::string> texts;
};

// Acknowledged is the outcome of earlier pushes.
struct Acknowledged {
    uint64_t snapshot = 0;   // number of the newest snapshot that was stored
    bool full_lost = false;  // a full push was dropped or refused since the last TakeAcknowledged
};

// Tracker plans which rows of each snapshot a push carries. It uses no clock and no socket.
//
// Tracker numbers the snapshots and stores for each statement the snapshot in which it last
// changed. A push carries every row that has changed since the last acknowledged snapshot. So if a
// push is lost, the next one carries the same changes. An acknowledged snapshot acknowledges all
// earlier ones.
//
// Each push also repeats the newest base of a series, until a snapshot with that base is
// acknowledged. If the push that first carried the base was only late, the base is stored twice;
// this changes no report. If that push was lost, the activity up to the base is lost, but nothing
// is counted twice.
class Tracker {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    // Observe processes a snapshot. The plan's rows say which texts are needed.
    Plan Observe(Limited limited, const Acknowledged& acknowledged, SteadyTime now);

    // WantedTexts returns the queryids whose texts the plan needs.
    std::vector<int64_t> WantedTexts(const Plan& plan) const;

    // AttachTexts adds to the plan the texts that were found. It removes rows that were planned
    // only for a text that was not found. REQUIRES: the plan is for the newest snapshot.
    void AttachTexts(const Texts& texts, Plan* plan);

    // snapshot returns the rows of the newest limited snapshot, followed by the rebased rows of
    // series that have no row there. It is valid until the next Observe.
    const Snapshot& snapshot() const { return newest_; }

  private:
    struct Entry {
        uint32_t statement = 0;  // index into newest_
        uint8_t text_failures = 0;
        // The four members *_at are numbers of snapshots; 0: never.
        uint64_t seen_at = 0;
        uint64_t changed_at = 0;
        uint64_t began_at = 0;             // its counters began from zero just before this snapshot
        uint64_t text_at = 0;              // every push since this snapshot carried the text
        std::shared_ptr<const Base> base;  // until acknowledged or replaced by a newer one
        core::TimestampMicros began_after = 0;
    };

    void Begin(const Limited& limited, uint32_t statement, Entry* entry) const;
    void Compare(const Snapshot& snapshot, uint32_t statement, Entry* entry) const;
    void Rebase(Limited* limited, size_t rebased);
    void PlanRows(size_t own_rows, const std::vector<std::shared_ptr<const Base>>& earlier,
                  Plan* plan) const;
    bool WantsText(const Entry& entry, const StatementKey& key, bool full) const;

    Snapshot newest_;
    std::unordered_map<StatementKey, Entry, StatementKeyHash> entries_;
    uint64_t number_ = 0;
    uint64_t acknowledged_ = 0;
    std::optional<SteadyTime> last_full_;
};

}  // namespace pganalytics::collector
