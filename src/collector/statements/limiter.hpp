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
// Counters are cumulative, so the reader subtracts the previous row. Both rows must stand for the
// same queries. Therefore `rows` are grouped as in the previous snapshot: a query that was kept
// then has its own row, and `other` sums up all other queries. If a query changes groups, `rebased`
// has the rows of the new grouping. These rows are sent with a time one microsecond later and
// marked as bases: the reader does not subtract the previous row from a base.
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

// Limiter remembers between snapshots which queries are kept. protocol::ChooseQueries chooses 9/10
// of them. The other places go first to queries that were kept before, if ChooseQueries still ranks
// them within 5/4 of the limit + 1; so queries near the limit do not change places all the time. A
// new query that finds all places taken is counted in `other` at once. If it deserves a place, a
// rebased row gives it one.
//
// `other` is the sum of its members at the snapshot. Members may have vanished since the previous
// snapshot (evicted, dropped), or their counters may have begun again from zero. Then `other` is
// the previous sum plus what the remaining members have counted, and the new sum follows as a
// rebased row. Limiter uses no clock and no socket.
class Limiter {
  public:
    // FirstRows is about the first snapshot's rows of databases with more queries than the limit.
    // kBases: these rows are bases, because the previous process may have kept other queries.
    // kCounts: these rows are no bases. A process that takes only one snapshot needs kCounts,
    // because a base alone never counts.
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
