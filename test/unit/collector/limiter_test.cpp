// Tests of Limiter: which queries are kept, what `other` holds, and when a series gets a new base.
#include "collector/statements/limiter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "snapshots.hpp"

namespace pganalytics::collector {
namespace {

constexpr core::TimestampMicros kSecond = 1000000;

struct Entry {
    int64_t queryid;
    int64_t calls;
};

// At makes a snapshot in which each query has as much time as calls, so both rankings are equal.
Snapshot At(core::TimestampMicros second, const std::vector<Entry>& entries) {
    SnapshotBuilder builder(second * kSecond);
    for (const Entry& entry : entries) {
        builder.Add(entry.queryid, entry.calls, static_cast<double>(entry.calls));
    }
    return builder.Build();
}

using Calls = std::map<int64_t, int64_t>;  // calls by queryid

Calls CallsOf(const std::vector<Statement>& statements, const std::vector<uint64_t>& counters) {
    Calls calls;
    for (size_t i = 0; i < statements.size(); ++i) {
        const uint64_t word = counters[i * Snapshot::Stride() + CounterIndex("calls")];
        EXPECT_TRUE(calls.emplace(statements[i].key.queryid, word).second);
    }
    return calls;
}
Calls Rows(const Limited& limited) {
    return CallsOf(limited.rows.statements, limited.rows.counters);
}
Calls Rebased(const Limited& limited) { return CallsOf(limited.rebased, limited.rebased_counters); }

TEST(Limiter, WithinTheLimitNothingIsTouched) {
    Limiter limiter(2);
    const Limited limited = limiter.Observe(At(1, {{1, 5}, {2, 6}}));
    EXPECT_EQ(Rows(limited), (Calls{{1, 5}, {2, 6}}));
    EXPECT_TRUE(limited.rebased.empty());
    EXPECT_TRUE(limited.start_bases.empty());
    EXPECT_EQ(limited.merged, (std::vector<uint64_t>{0, 0}));
    EXPECT_EQ(limited.rows.names, (std::vector<std::string>{"app", "shop"}));
}

TEST(Limiter, TheRestBecomesOneRowPerDatabase) {
    Limiter limiter(2);
    const Snapshot snapshot = SnapshotBuilder(kSecond)
                                  .Add(1, 10, 10)
                                  .Add(2, 20, 20)
                                  .Add(3, 5, 5)
                                  .Add(4, 6, 6)
                                  .Add(1, 7, 7, "logbook")
                                  .Build();
    const Limited limited = limiter.Observe(snapshot);
    ASSERT_EQ(limited.rows.statements.size(), 4u);
    ASSERT_EQ(limited.start_bases.size(), 1u);
    EXPECT_EQ(limited.start_bases[0], snapshot.statements[0].key.dbid);
    for (size_t i = 0; i < limited.rows.statements.size(); ++i) {
        const Statement& row = limited.rows.statements[i];
        if (!IsOther(row.key)) continue;
        EXPECT_EQ(limited.rows.names[row.user], "");
        EXPECT_EQ(limited.rows.names[row.database], "shop");
        EXPECT_TRUE(row.key.toplevel);
        EXPECT_EQ(limited.rows.CountersOf(i)[CounterIndex("calls")], 11u);
        EXPECT_EQ(limited.merged[row.database], 1u);
    }
    // A process that takes one snapshot needs no bases: no later snapshot counts from them.
    Limiter once(2, Limiter::FirstRows::kCounts);
    EXPECT_TRUE(once.Observe(snapshot).start_bases.empty());
}

TEST(Limiter, AMoveIsShownAfterTheIntervalItEnds) {
    Limiter limiter(2);
    limiter.Observe(At(1, {{1, 100}, {2, 90}, {3, 10}, {4, 1}}));
    const Limited limited = limiter.Observe(At(2, {{1, 101}, {2, 91}, {3, 500}, {4, 2}}));
    EXPECT_EQ(Rows(limited), (Calls{{0, 502}, {1, 101}, {2, 91}}));
    // The first of each ranking gets a place: 3, which leads both. The other place stays with 1.
    EXPECT_EQ(Rebased(limited), (Calls{{0, 93}, {3, 500}}));
    EXPECT_EQ(limited.merged[1], 1u);
    const Limited after = limiter.Observe(At(3, {{1, 101}, {2, 92}, {3, 501}, {4, 2}}));
    EXPECT_EQ(Rows(after), (Calls{{0, 94}, {1, 101}, {3, 501}}));
    EXPECT_TRUE(after.rebased.empty());
}

TEST(Limiter, AKeptQueryStaysWhileItIsNear) {
    std::vector<Entry> entries;
    for (int64_t id = 1; id <= 30; ++id) entries.push_back({id, 1000 - id * 10});
    Limiter limiter(10);
    limiter.Observe(At(1, entries));
    // 12 overtakes 10 by a little: 10 is still among the first 13, and 12 is not among the first 9.
    entries[11].calls = entries[9].calls + 1;
    EXPECT_TRUE(limiter.Observe(At(2, entries)).rebased.empty());
    // 12 becomes one of the first nine, so it gets a place.
    entries[11].calls = entries[7].calls + 1;
    EXPECT_EQ(Rebased(limiter.Observe(At(3, entries))).count(12), 1u);
    // 9 falls behind by more than a quarter of the limit, so a better query gets its place.
    for (const size_t rival : {12u, 13u, 14u, 15u}) entries[rival].calls = entries[8].calls + 5;
    EXPECT_FALSE(Rebased(limiter.Observe(At(4, entries))).empty());
    const Calls rows = Rows(limiter.Observe(At(5, entries)));
    EXPECT_EQ(rows.size(), 11u);
    EXPECT_EQ(rows.count(9), 0u);
}

TEST(Limiter, NewQueriesTakeFreePlacesOrCountInOther) {
    Limiter limiter(3);
    limiter.Observe(At(1, {{1, 100}, {2, 90}}));
    // One place is free and two queries are new: `other` begins with one of the two.
    const Limited limited = limiter.Observe(At(2, {{1, 100}, {2, 90}, {3, 7}, {4, 8}}));
    const Calls rows = Rows(limited);
    EXPECT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows.at(0) + (rows.count(3) != 0 ? rows.at(3) : rows.at(4)), 15);
    EXPECT_TRUE(limited.rebased.empty());
    EXPECT_TRUE(limited.start_bases.empty());
    // No place is free: even the best new query begins in `other`.
    const Limited full = limiter.Observe(At(3, {{1, 100}, {2, 90}, {3, 7}, {4, 8}, {5, 999}}));
    EXPECT_EQ(Rows(full).count(5), 0u);
    EXPECT_EQ(Rebased(full).at(5), 999);
}

TEST(Limiter, MembersThatVanishLeaveTheActivityOfTheRest) {
    Limiter limiter(1);
    limiter.Observe(At(1, {{1, 1000}, {2, 50}, {3, 60}, {4, 70}}));
    const Limited limited = limiter.Observe(At(2, {{1, 1000}, {2, 55}, {4, 72}, {5, 3}}));
    EXPECT_EQ(Rows(limited).at(0), 180 + 5 + 2 + 3);
    EXPECT_EQ(Rebased(limited), (Calls{{0, 55 + 72 + 3}}));
}

TEST(Limiter, AMemberThatBeganAgainCountsFromZero) {
    Limiter limiter(1);
    limiter.Observe(At(1, {{1, 1000}, {2, 50}, {3, 60}}));
    const Limited limited = limiter.Observe(At(2, {{1, 1000}, {2, 4}, {3, 61}}));
    EXPECT_EQ(Rows(limited).at(0), 110 + 4 + 1);
    EXPECT_EQ(Rebased(limited), (Calls{{0, 65}}));
}

TEST(Limiter, AResetIsSeenByItsTimeWhenCountersHaveCaughtUp) {
    Limiter limiter(1);
    Snapshot first = At(1, {{1, 1000}, {2, 50}, {3, 60}});
    first.info.stats_reset = 0;
    limiter.Observe(first);
    Snapshot second = At(2, {{1, 1000}, {2, 55}, {3, 60}});
    second.info.stats_reset = 2;
    const Limited limited = limiter.Observe(second);
    EXPECT_EQ(Rows(limited).at(0), 110 + 55 + 60);
    EXPECT_EQ(Rebased(limited), (Calls{{0, 115}}));
}

TEST(Limiter, OtherEndsWithABaseOfZero) {
    Limiter limiter(2);
    limiter.Observe(At(1, {{1, 100}, {2, 90}, {3, 10}}));
    const Limited limited = limiter.Observe(At(2, {{1, 100}, {3, 12}}));
    EXPECT_EQ(Rows(limited), (Calls{{0, 12}, {1, 100}}));
    EXPECT_EQ(Rebased(limited), (Calls{{0, 0}, {3, 12}}));
    EXPECT_EQ(Rows(limiter.Observe(At(3, {{1, 100}, {3, 13}}))), (Calls{{1, 100}, {3, 13}}));
}

TEST(Limiter, FloatSumsDoNotDependOnTheOrderOfRows) {
    std::vector<std::pair<int64_t, double>> entries;
    for (int64_t id = 1; id <= 200; ++id) entries.emplace_back(id, 0.1 * static_cast<double>(id));
    const auto observe = [&](Limiter* limiter) {
        SnapshotBuilder builder(kSecond);
        for (const auto& [id, total] : entries) builder.Add(id, 1, total);
        const Limited limited = limiter->Observe(builder.Build());
        for (size_t i = 0; i < limited.rows.statements.size(); ++i) {
            if (!IsOther(limited.rows.statements[i].key)) continue;
            return limited.rows.CountersOf(i)[CounterIndex("total_exec_time")];
        }
        return uint64_t{0};
    };
    Limiter limiter(5);
    const uint64_t sum = observe(&limiter);
    std::reverse(entries.begin(), entries.end());
    EXPECT_EQ(observe(&limiter), sum);
    std::rotate(entries.begin(), entries.begin() + 77, entries.end());
    EXPECT_EQ(observe(&limiter), sum);
}

}  // namespace
}  // namespace pganalytics::collector
