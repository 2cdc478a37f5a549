// Tracker: what of a snapshot is to be sent, given what the analytics server has acknowledged.
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

// kFullEvery is how often everything is sent, changed or not.
inline constexpr std::chrono::hours kFullEvery{1};

// kTextTries is how often a text that could not be had is asked for before only full pushes ask.
inline constexpr uint8_t kTextTries = 3;

// Base is a row from which a series counts anew: no activity between the row before and it.
struct Base {
    uint64_t since = 0;  // the snapshot with which it was first sent
    core::TimestampMicros sampled_at = 0;
    std::vector<uint64_t> counters;
};

struct PlannedRow {
    uint32_t statement = 0;            // index into the snapshot
    std::shared_ptr<const Base> base;  // the row is this; null: the snapshot's own
    bool changed = true;               // false: only its text is missing at the other side
    bool wants_text = false;
    int32_t text = -1;  // index into Plan::texts, -1 none
    // The time of the snapshot after which these counters began from zero, when that was seen.
    std::optional<core::TimestampMicros> stats_since;
};

// Plan is one push. Every row of the limited snapshot is either a row or counted in `unchanged`;
// bases come on top.
struct Plan {
    uint64_t snapshot = 0;  // its number, from 1
    bool full = false;
    std::vector<PlannedRow> rows;     // by database and time
    std::vector<uint64_t> unchanged;  // by index of the database's name
    std::vector<uint64_t> merged;     // as Limited::merged
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
//
// The same holds for bases. Of each series the newest base is sent again, as it was, in front of
// the snapshot's row until a push that carried it was stored. A push that was only late leaves the
// same row twice, which changes no report; of one that was lost the activity up to its base is
// lost, and none is counted twice. Pure: no clock, no socket.
class Tracker {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    // Observe takes in a snapshot. The plan's rows say which texts it wants.
    Plan Observe(Limited limited, const Acknowledged& acknowledged, SteadyTime now);

    // WantedTexts gives the queryids whose texts the plan wants.
    std::vector<int64_t> WantedTexts(const Plan& plan) const;

    // AttachTexts puts in the texts that were found and takes out the rows that stood there only
    // for a text that was not. REQUIRES: the plan is of the newest snapshot.
    void AttachTexts(const Texts& texts, Plan* plan);

    // snapshot is the newest one, limited, and behind its rows the queries that are kept from now
    // on; valid until the next Observe.
    const Snapshot& snapshot() const { return newest_; }

  private:
    struct Entry {
        uint32_t statement = 0;  // index into newest_
        uint8_t text_failures = 0;
        uint64_t seen_at = 0;  // snapshot numbers; 0 = never
        uint64_t changed_at = 0;
        uint64_t began_at = 0;             // its counters began from zero before this snapshot
        uint64_t text_at = 0;              // every push since this snapshot carried the text
        std::shared_ptr<const Base> base;  // kept until it is acknowledged and no longer the newest
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
