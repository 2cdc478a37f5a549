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

// Limited is a snapshot in which one row per database, `other`, replaces the queries beyond the
// limit.
//
// Counters are cumulative, so the reader subtracts the previous row of a series. Both rows must
// count the same queries. Therefore `rows` are grouped as in the previous snapshot: a query that
// was kept then has its own row, and `other` sums up all other queries.
//
// If a query moves into or out of `other`, `rebased` has the rows of the new grouping. They are
// sent with a time one microsecond later, and marked as bases. A base is a new start: the reader
// does not subtract the previous row from it.
struct Limited {
    Limited() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a snapshot in which nothing is beyond the limit.
    Limited(Snapshot all) : rows(std::move(all)), merged(rows.names.size(), 0) {}

    Snapshot rows;
    std::vector<uint64_t> merged;  // queries in `other`, minus one; index as in Snapshot::names
    std::vector<Statement> rebased;
    std::vector<uint64_t> rebased_counters;  // rebased.size() * Snapshot::Stride()
    // Databases (dbid) whose `rows` are all bases, because nobody knows what an earlier process
    // merged.
    std::vector<uint32_t> start_bases;
};

// Limiter chooses which queries are kept, that is, have their own row. It uses no clock and no
// socket.
//
// A database has as many places for kept queries as the limit says. protocol::ChooseQueries fills
// 9/10 of them. The others go first to queries that were kept before, if ChooseQueries would choose
// them with a limit of 5/4 of the limit + 1. So queries near the limit do not change places all the
// time. If a new query is chosen while the queries kept before still take all places, this snapshot
// counts it in `other`, and `rebased` has its own row.
//
// `other` is the sum of its members. This sum could fall if a member has vanished since the
// previous snapshot (evicted, dropped), or if its counters have begun again from zero. In that case
// `other` is the previous sum plus what the remaining members have counted since, and `rebased` has
// the new sum.
class Limiter {
  public:
    // FirstRows says how the first snapshot's rows are sent if a database has more queries than the
    // limit.
    // kBases: as bases, because the previous process may have kept other queries.
    // kCounts: as normal rows. A process that takes only one snapshot needs kCounts, because the
    // server reports no activity up to a base.
    enum class FirstRows { kBases, kCounts };

    explicit Limiter(size_t limit, FirstRows first_rows = FirstRows::kBases)
        : limit_(limit), first_rows_(first_rows) {}

    Limited Observe(Snapshot snapshot);

    // SetLimit changes the limit from the next snapshot on. Queries that then move into or out of
    // `other` are in `rebased`, as at any other move.
    void SetLimit(size_t limit) { limit_ = limit; }

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
