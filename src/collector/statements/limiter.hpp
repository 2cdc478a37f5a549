// Limiter: of each database at most so many queries, and one row, `other`, for all the rest.
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

// Limited is a snapshot in which the queries beyond the limit have become one row per database.
//
// Counters are cumulative and the reader takes differences, so a row must mean the same queries at
// both ends of an interval. `rows` are those of the memberships of the snapshot before: every
// interval that ends here is exact. Where a membership changes, `rebased` holds the rows of the new
// one, to be sent as of a microsecond later and marked: bases, nothing happened before them.
struct Limited {
    Limited() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a snapshot in which nothing is beyond the limit.
    Limited(Snapshot all) : rows(std::move(all)), merged(rows.names.size(), 0) {}

    Snapshot rows;
    std::vector<uint64_t> merged;  // by index of the database's name: queries in `other`, less one
    std::vector<Statement> rebased;
    std::vector<uint64_t> rebased_counters;  // rebased.size() * Snapshot::Stride()
    // Databases of which rows themselves are bases: what an earlier process had merged is unknown.
    std::vector<uint32_t> start_bases;
};

// Limiter keeps memberships from snapshot to snapshot. A query is kept as ChooseKept chooses, but
// one that is kept already stays while it is among the first 5/4 of the limit + 1, unless queries
// among the first 9/10 of the limit need its place. A query that is first seen when all places are
// taken is counted in `other` at once and gets a place, if it deserves one, by a rebased row.
//
// `other` at a snapshot is the sum of its members. When members have vanished (evicted, dropped) or
// begun again since the snapshot before, it is the sum before plus what the members that are still
// there have counted, and the sum itself follows rebased. Pure: no clock, no socket.
class Limiter {
  public:
    // kBases: the first rows of a database beyond the limit are bases, because the sides may have
    // been others in the process before. kCounts: they are not, for a process that takes one
    // snapshot: its rows would never count.
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
