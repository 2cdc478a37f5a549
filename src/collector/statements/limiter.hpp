// Limiter: limits the queries of each database; one row, `other`, stands for the rest.
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
// Counters are cumulative and the reader subtracts the previous row, so both rows must stand for
// the same queries. `rows` are therefore grouped as in the previous snapshot: queries that it kept
// have rows, and `other` sums up its other queries. If a query moves between the two groups,
// `rebased` holds the rows of the new grouping. They are sent with a time one microsecond later and
// marked as bases: the reader does not subtract the row before them.
struct Limited {
    Limited() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a snapshot in which nothing is beyond the limit.
    Limited(Snapshot all) : rows(std::move(all)), merged(rows.names.size(), 0) {}

    Snapshot rows;
    std::vector<uint64_t> merged;  // queries in `other` minus one; index as in Snapshot::names
    std::vector<Statement> rebased;
    std::vector<uint64_t> rebased_counters;  // rebased.size() * Snapshot::Stride()
    // Databases of which all `rows` are bases, since nobody knows what an earlier process merged.
    std::vector<uint32_t> start_bases;
};

// Limiter remembers between snapshots which queries are kept. protocol::ChooseQueries chooses them.
// A kept query stays while it is among the first 5/4 of the limit + 1, unless queries among the
// first 9/10 of the limit need its place. A new query that finds all places taken is counted in
// `other` at once; if it deserves a place, it gets one by a rebased row.
//
// `other` is the sum of its members at the snapshot. If members have vanished (evicted, dropped) or
// their counters began again from zero since the previous snapshot, `other` is the previous sum
// plus what the remaining members have counted; the new sum follows as a rebased row. Pure: no
// clock, no socket.
class Limiter {
  public:
    // FirstRows says whether the rows of a database beyond the limit are bases in the first
    // snapshot. kBases: they are, because the previous process may have kept other queries.
    // kCounts: they are not, for a process that takes only one snapshot; if its rows were bases,
    // they would never count.
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
