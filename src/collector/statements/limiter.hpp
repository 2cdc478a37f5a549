// Limiter: keeps at most so many queries of each database, and one row, `other`, for the rest.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "collector/sources/snapshot.hpp"

namespace pganalytics::collector {

// OtherKey is the key of the `other` row of a database; no statement and no role has the id 0.
constexpr StatementKey OtherKey(uint32_t dbid) { return {0, 0, dbid, true}; }
constexpr bool IsOther(const StatementKey& key) { return key.queryid == 0; }

// Limited is a snapshot in which one row per database replaces the queries beyond the limit.
//
// Counters are cumulative and the reader subtracts, so a row must mean the same queries at both
// ends of an interval. `rows` use the memberships of the previous snapshot, so every interval that
// ends here is exact. Where a membership changes, `rebased` holds the rows of the new one. They are
// sent with a time one microsecond later and marked as bases: no activity precedes them.
struct Limited {
    Limited() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a snapshot in which nothing is beyond the limit.
    Limited(Snapshot all) : rows(std::move(all)), merged(rows.names.size(), 0) {}

    Snapshot rows;
    std::vector<uint64_t> merged;  // by index of the database's name: queries in `other`, minus one
    std::vector<Statement> rebased;
    std::vector<uint64_t> rebased_counters;  // rebased.size() * Snapshot::Stride()
    // Databases whose own rows are bases: what an earlier process merged is unknown.
    std::vector<uint32_t> start_bases;
};

// Limiter remembers memberships between snapshots. ChooseKept chooses the queries to keep. A query
// that is already kept stays while it is among the first 5/4 of the limit + 1, unless queries among
// the first 9/10 of the limit need its place. A new query that finds all places taken is counted in
// `other` at once; if it deserves a place, it gets one by a rebased row.
//
// `other` is the sum of its members at the snapshot. If members have vanished (evicted, dropped) or
// started again since the previous snapshot, `other` is the previous sum plus what the remaining
// members have counted; the new sum follows as a rebased row. Pure: no clock, no socket.
class Limiter {
  public:
    // kBases: the first rows of a database beyond the limit are bases, because the previous process
    // may have kept other queries. kCounts: they are not, for a process that takes only one
    // snapshot: as bases its rows would never count.
    enum class FirstRows { kBases, kCounts };

    explicit Limiter(size_t limit, FirstRows first_rows = FirstRows::kBases)
        : limit_(limit), first_rows_(first_rows) {}

    Limited Observe(Snapshot snapshot);

  private:
    struct Member {
        uint32_t statement = 0;  // index into newest_
        bool kept = true;
    };
    struct Other {
        size_t members = 0;
        std::vector<uint64_t> counters;
    };
    using Members = std::unordered_map<StatementKey, Member, StatementKeyHash>;

    std::vector<bool> Choose(const Snapshot& snapshot, const std::vector<uint32_t>& rows) const;
    void ObserveDatabase(const Snapshot& snapshot, const std::vector<uint32_t>& rows,
                         Members* members, Limited* limited);

    size_t limit_;
    FirstRows first_rows_;
    bool first_ = true;
    Snapshot newest_;
    Members members_;                   // of newest_
    std::map<uint32_t, Other> others_;  // by dbid
};

}  // namespace pganalytics::collector
