// Tests of Tracker: it sends changes since the last acknowledgement, beginnings, texts, full
// pushes.
#include "collector/statements/tracker.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "snapshots.hpp"

namespace pganalytics::collector {
namespace {

const Tracker::SteadyTime kStart{std::chrono::hours(100)};
constexpr core::TimestampMicros kSecond = 1000000;

std::set<int64_t> Ids(const Tracker& tracker, const Plan& plan) {
    std::set<int64_t> ids;
    for (const PlannedRow& row : plan.rows) {
        ids.insert(tracker.snapshot().statements[row.statement].key.queryid);
    }
    return ids;
}

uint64_t Unchanged(const Plan& plan) {
    return std::accumulate(plan.unchanged.begin(), plan.unchanged.end(), uint64_t{0});
}

// AllTexts gives the plan a text for every statement that wants one.
void AllTexts(Tracker* tracker, Plan* plan) {
    Texts texts;
    for (const PlannedRow& row : plan->rows) {
        if (!row.wants_text) continue;
        texts.emplace(tracker->snapshot().statements[row.statement].key, "SELECT 1");
    }
    tracker->AttachTexts(texts, plan);
}

Snapshot Two(core::TimestampMicros at, int64_t calls_of_1, int64_t calls_of_2) {
    return SnapshotBuilder(at).Add(1, calls_of_1, 1.5).Add(2, calls_of_2, 2.5).Build();
}

TEST(Tracker, SendsAllFirstThenWhatChanged) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 1, 1), {0, false}, kStart);
    EXPECT_TRUE(plan.full);
    EXPECT_EQ(plan.snapshot, 1u);
    EXPECT_EQ(Ids(tracker, plan), (std::set<int64_t>{1, 2}));
    AllTexts(&tracker, &plan);
    plan = tracker.Observe(Two(2 * kSecond, 1, 5), {1, false}, kStart);
    EXPECT_FALSE(plan.full);
    EXPECT_EQ(Ids(tracker, plan), (std::set<int64_t>{2}));
    EXPECT_EQ(Unchanged(plan), 1u);
    plan = tracker.Observe(Two(3 * kSecond, 1, 5), {2, false}, kStart);
    EXPECT_TRUE(plan.rows.empty());
    EXPECT_EQ(Unchanged(plan), 2u);
}

TEST(Tracker, WhatWasNotAcknowledgedIsSentAgain) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 1, 1), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    tracker.Observe(Two(2 * kSecond, 1, 5), {1, false}, kStart);
    // Push 2 was refused: its change is sent with push 3, which has a change of its own.
    plan = tracker.Observe(Two(3 * kSecond, 9, 5), {1, false}, kStart);
    EXPECT_EQ(Ids(tracker, plan), (std::set<int64_t>{1, 2}));
    // The acknowledgement of push 3 covers push 2. A late acknowledgement of push 2 takes nothing
    // back.
    plan = tracker.Observe(Two(4 * kSecond, 9, 5), {3, false}, kStart);
    EXPECT_TRUE(plan.rows.empty());
    plan = tracker.Observe(Two(5 * kSecond, 9, 5), {2, false}, kStart);
    EXPECT_TRUE(plan.rows.empty());
}

TEST(Tracker, ChangeOfAnyCounterCounts) {
    Tracker tracker;
    Plan plan = tracker.Observe(SnapshotBuilder(kSecond).Add(1, 1, 1).Build(), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    plan = tracker.Observe(SnapshotBuilder(2 * kSecond).Add(1, 1, 1).Set("wal_bytes", 7).Build(),
                           {1, false}, kStart);
    ASSERT_EQ(plan.rows.size(), 1u);
    EXPECT_FALSE(plan.rows[0].stats_since);
}

TEST(Tracker, FirstSnapshotSawNothingBegin) {
    Tracker tracker;
    const Plan plan = tracker.Observe(Two(kSecond, 1, 1), {0, false}, kStart);
    for (const PlannedRow& row : plan.rows) EXPECT_FALSE(row.stats_since);
}

TEST(Tracker, NewStatementBeganAfterTheSnapshotBefore) {
    Tracker tracker;
    Plan plan =
        tracker.Observe(SnapshotBuilder(kSecond).Add(1, 1, 1.5).Build(), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    plan = tracker.Observe(Two(2 * kSecond, 1, 1), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    ASSERT_EQ(plan.rows.size(), 2u);
    EXPECT_FALSE(plan.rows[0].stats_since);
    EXPECT_EQ(plan.rows[1].stats_since, 1 * kSecond);
    // Until it is acknowledged the beginning is sent with each push, and not afterwards.
    plan = tracker.Observe(Two(3 * kSecond, 1, 2), {1, false}, kStart);
    AllTexts(&tracker, &plan);
    ASSERT_EQ(plan.rows.size(), 1u);
    EXPECT_EQ(plan.rows[0].stats_since, 1 * kSecond);
    plan = tracker.Observe(Two(4 * kSecond, 1, 3), {3, false}, kStart);
    ASSERT_EQ(plan.rows.size(), 1u);
    EXPECT_FALSE(plan.rows[0].stats_since);
}

TEST(Tracker, SumsThatFallAreABeginning) {
    for (const char* counter : {"calls", "rows", "wal_bytes", "plans"}) {
        Tracker tracker;
        tracker.Observe(SnapshotBuilder(kSecond).Add(1, 9, 9).Set(counter, 100).Build(), {0, false},
                        kStart);
        const Plan plan = tracker.Observe(
            SnapshotBuilder(2 * kSecond).Add(1, 9, 9).Set(counter, 99).Build(), {1, false}, kStart);
        ASSERT_EQ(plan.rows.size(), 1u);
        EXPECT_EQ(plan.rows[0].stats_since, kSecond) << counter;
    }
    Tracker tracker;
    tracker.Observe(SnapshotBuilder(kSecond).Add(1, 1, 2.5).Build(), {0, false}, kStart);
    const Plan plan =
        tracker.Observe(SnapshotBuilder(2 * kSecond).Add(1, 1, 0.5).Build(), {1, false}, kStart);
    EXPECT_EQ(plan.rows[0].stats_since, kSecond);
}

TEST(Tracker, AResetIsABeginningThoughCountersHaveCaughtUp) {
    Tracker tracker;
    const auto at = [](core::TimestampMicros second, int64_t calls, core::TimestampMicros reset) {
        Snapshot snapshot = SnapshotBuilder(second * kSecond).Add(1, calls, 1).Build();
        snapshot.info.stats_reset = reset;
        return snapshot;
    };
    tracker.Observe(at(1, 5, 0), {0, false}, kStart);
    Plan plan = tracker.Observe(at(2, 5, 17), {1, false}, kStart);
    ASSERT_EQ(plan.rows.size(), 1u);  // the counters are equal, but all of their value is new
    EXPECT_EQ(plan.rows[0].stats_since, kSecond);
    plan = tracker.Observe(at(3, 6, 17), {2, false}, kStart);
    EXPECT_FALSE(plan.rows[0].stats_since);
    // A server that no longer reports its time of reset has not reported a reset.
    Snapshot silent = at(4, 7, 0);
    silent.info.stats_reset.reset();
    plan = tracker.Observe(silent, {3, false}, kStart);
    EXPECT_FALSE(plan.rows[0].stats_since);
}

TEST(Tracker, MinimumThatFallsIsNone) {
    Tracker tracker;
    const auto word = [](double ms) { return std::bit_cast<uint64_t>(ms); };
    for (const char* counter : {"min_exec_time", "max_exec_time", "stddev_exec_time"}) {
        tracker = Tracker();
        tracker.Observe(SnapshotBuilder(kSecond).Add(1, 1, 5).Set(counter, word(5)).Build(),
                        {0, false}, kStart);
        const Plan plan =
            tracker.Observe(SnapshotBuilder(2 * kSecond).Add(1, 2, 6).Set(counter, word(1)).Build(),
                            {1, false}, kStart);
        ASSERT_EQ(plan.rows.size(), 1u);
        EXPECT_FALSE(plan.rows[0].stats_since) << counter;
    }
}

TEST(Tracker, EvictedAndBackIsABeginning) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 5, 5), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    tracker.Observe(SnapshotBuilder(2 * kSecond).Add(1, 5, 1.5).Build(), {1, false}, kStart);
    // The statement was absent in between, so its counters began anew although they have not
    // fallen.
    plan = tracker.Observe(Two(3 * kSecond, 5, 8), {2, false}, kStart);
    ASSERT_EQ(plan.rows.size(), 1u);
    EXPECT_EQ(plan.rows[0].stats_since, 2 * kSecond);
    EXPECT_TRUE(plan.rows[0].wants_text);
}

TEST(Tracker, FullEveryHourAndWhenOneWasLost) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(kSecond, 1, 1), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    const auto observe = [&](uint64_t acknowledged, bool lost, std::chrono::seconds after) {
        return tracker.Observe(Two(kSecond, 1, 1), {acknowledged, lost}, kStart + after);
    };
    EXPECT_FALSE(observe(1, false, std::chrono::seconds(3599)).full);
    const Plan full = observe(2, false, std::chrono::seconds(3600));
    EXPECT_TRUE(full.full);
    EXPECT_EQ(full.rows.size(), 2u);
    EXPECT_EQ(Unchanged(full), 0u);
    EXPECT_FALSE(full.rows[0].wants_text);
    EXPECT_FALSE(observe(3, false, std::chrono::seconds(3601)).full);
    EXPECT_TRUE(observe(3, true, std::chrono::seconds(3602)).full);
    EXPECT_FALSE(observe(5, false, std::chrono::seconds(7201)).full);
    EXPECT_TRUE(observe(5, false, std::chrono::seconds(7202)).full);
}

TEST(Tracker, TextGoesUntilItIsAcknowledged) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 1, 1), {0, false}, kStart);
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{1, 2}));
    AllTexts(&tracker, &plan);
    EXPECT_EQ(plan.texts.size(), 2u);
    plan = tracker.Observe(Two(2 * kSecond, 2, 1), {0, false}, kStart);
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{1, 2}));
    AllTexts(&tracker, &plan);
    plan = tracker.Observe(Two(3 * kSecond, 3, 1), {2, false}, kStart);
    EXPECT_EQ(plan.rows.size(), 1u);
    EXPECT_TRUE(tracker.WantedTexts(plan).empty());
}

TEST(Tracker, TextThatCouldNotBeHadFollowsLater) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 1, 1), {0, false}, kStart);
    tracker.AttachTexts({}, &plan);
    EXPECT_EQ(plan.rows.size(), 2u);  // the counters do not wait for the text
    EXPECT_TRUE(plan.texts.empty());
    plan = tracker.Observe(Two(2 * kSecond, 1, 1), {1, false}, kStart);
    EXPECT_EQ(plan.rows.size(), 2u);
    const StatementKey key = tracker.snapshot().statements[0].key;
    tracker.AttachTexts({{key, "SELECT 1"}}, &plan);
    EXPECT_EQ(Ids(tracker, plan), (std::set<int64_t>{1}));
    EXPECT_EQ(Unchanged(plan), 1u);
    plan = tracker.Observe(Two(3 * kSecond, 1, 1), {2, false}, kStart);
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{2}));
    tracker.AttachTexts({}, &plan);
    // After three tries without a text only a full push asks for it again.
    plan = tracker.Observe(Two(4 * kSecond, 1, 2), {3, false}, kStart);
    EXPECT_EQ(plan.rows.size(), 1u);
    EXPECT_TRUE(tracker.WantedTexts(plan).empty());
    plan = tracker.Observe(Two(5 * kSecond, 1, 2), {4, false}, kStart + kFullEvery);
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{2}));
}

TEST(Tracker, ATextLostOnTheWayIsNotTakenForAcknowledged) {
    Tracker tracker;
    Plan plan = tracker.Observe(Two(1 * kSecond, 1, 1), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    plan = tracker.Observe(Two(2 * kSecond, 1, 1), {0, false}, kStart);
    tracker.AttachTexts({}, &plan);  // push 2 has the rows without their texts
    plan = tracker.Observe(Two(3 * kSecond, 1, 1), {2, false}, kStart);
    EXPECT_EQ(tracker.WantedTexts(plan), (std::vector<int64_t>{1, 2}));
}

TEST(Tracker, RenamedDatabaseIsSentAnewAsHistory) {
    Tracker tracker;
    Plan plan =
        tracker.Observe(SnapshotBuilder(kSecond).Add(1, 5, 5, "shop").Build(), {0, false}, kStart);
    AllTexts(&tracker, &plan);
    // The builder gives "mall" the oid of "shop", so this is a renamed database.
    plan = tracker.Observe(SnapshotBuilder(2 * kSecond).Add(1, 5, 5, "mall").Build(), {1, false},
                           kStart);
    ASSERT_EQ(plan.rows.size(), 1u);
    EXPECT_TRUE(plan.rows[0].wants_text);
    EXPECT_FALSE(plan.rows[0].stats_since);
}

}  // namespace
}  // namespace pganalytics::collector
