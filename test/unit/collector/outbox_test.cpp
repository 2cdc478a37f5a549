// Tests of Outbox: the order of waiting pushes, back-off, acknowledgement, drops.
#include "collector/push/outbox.hpp"

#include <gtest/gtest.h>

namespace pganalytics::collector {
namespace {

using SteadyTime = Outbox::SteadyTime;
const SteadyTime kStart{std::chrono::hours(1)};

Push MakePush(size_t server, uint64_t snapshot, size_t bytes = 10, bool full = false) {
    Push push;
    push.queue = server;
    push.snapshot = snapshot;
    push.full = full;
    push.idempotency_key = "1:" + std::to_string(snapshot);
    push.body = std::string(bytes, 'x');
    return push;
}

TEST(Outbox, SendsInOrderAndAcknowledges) {
    Outbox outbox(1000);
    EXPECT_EQ(outbox.Take(kStart), nullptr);
    EXPECT_EQ(outbox.NextDue(), SteadyTime::max());
    outbox.Add(MakePush(0, 1));
    outbox.Add(MakePush(0, 2));
    ASSERT_EQ(outbox.Take(kStart)->snapshot, 1u);
    outbox.Stored();
    EXPECT_EQ(outbox.TakeAcknowledged(0).snapshot, 1u);
    ASSERT_EQ(outbox.Take(kStart)->snapshot, 2u);
    outbox.Stored();
    EXPECT_EQ(outbox.TakeAcknowledged(0).snapshot, 2u);
    EXPECT_EQ(outbox.pending(), 0u);
    EXPECT_EQ(outbox.pending_bytes(), 0u);
}

TEST(Outbox, TriesTheSamePushAgainWhenItsTimeHasCome) {
    Outbox outbox(1000);
    outbox.Add(MakePush(0, 1));
    outbox.Add(MakePush(0, 2));
    const auto first = outbox.Take(kStart);
    EXPECT_EQ(outbox.Failed(kStart, Millis(0), 0.5), Millis(500));
    EXPECT_EQ(outbox.Take(kStart + Millis(499)), nullptr);
    EXPECT_EQ(outbox.NextDue(), kStart + Millis(500));
    EXPECT_EQ(outbox.Take(kStart + Millis(500)), first);
    EXPECT_EQ(outbox.Failed(kStart, Millis(0), 0.5), Millis(1000));
    outbox.Take(kStart + Millis(1000));
    outbox.Stored();
    // A success resets the back-off.
    ASSERT_EQ(outbox.Take(kStart)->snapshot, 2u);
    EXPECT_EQ(outbox.Failed(kStart, Millis(0), 0.5), Millis(500));
}

TEST(Outbox, AStuckServerHoldsUpNoOther) {
    Outbox outbox(1000);
    outbox.Add(MakePush(0, 1));
    outbox.Add(MakePush(1, 7));
    ASSERT_EQ(outbox.Take(kStart)->queue, 0u);
    outbox.Failed(kStart, Millis(60000), 0.5);
    ASSERT_EQ(outbox.Take(kStart)->queue, 1u);
    outbox.Stored();
    EXPECT_EQ(outbox.TakeAcknowledged(1).snapshot, 7u);
    EXPECT_EQ(outbox.TakeAcknowledged(0).snapshot, 0u);
    EXPECT_EQ(outbox.Take(kStart), nullptr);
}

TEST(Outbox, ARefusedPushIsNotAcknowledged) {
    Outbox outbox(1000);
    outbox.Add(MakePush(0, 1, 10, true));
    outbox.Take(kStart);
    outbox.Refused();
    const Acknowledged acknowledged = outbox.TakeAcknowledged(0);
    EXPECT_EQ(acknowledged.snapshot, 0u);
    EXPECT_TRUE(acknowledged.full_lost);
    EXPECT_FALSE(outbox.TakeAcknowledged(0).full_lost);
    EXPECT_EQ(outbox.pending(), 0u);
}

TEST(Outbox, DropsTheOldestOfAnyServerButNotTheOneInFlight) {
    Outbox outbox(100);
    outbox.Add(MakePush(0, 1, 40));
    outbox.Add(MakePush(1, 1, 40, true));
    ASSERT_EQ(outbox.Take(kStart)->queue, 0u);
    EXPECT_EQ(outbox.Add(MakePush(0, 2, 40)), 1u);  // drops server 1's push, the oldest
    EXPECT_TRUE(outbox.TakeAcknowledged(1).full_lost);
    EXPECT_EQ(outbox.Add(MakePush(1, 2, 40)), 1u);  // drops server 0's second push
    EXPECT_EQ(outbox.pending_bytes(), 80u);
    outbox.Stored();
    EXPECT_EQ(outbox.TakeAcknowledged(0).snapshot, 1u);
    ASSERT_EQ(outbox.Take(kStart)->queue, 1u);
    EXPECT_EQ(outbox.pending(), 1u);
}

TEST(Outbox, KeepsTheNewestEvenIfItIsTooBig) {
    Outbox outbox(100);
    outbox.Add(MakePush(0, 1, 60));
    EXPECT_EQ(outbox.Add(MakePush(0, 2, 500)), 1u);
    ASSERT_EQ(outbox.Take(kStart)->snapshot, 2u);
}

TEST(Outbox, RetryNowEndsTheWait) {
    Outbox outbox(1000);
    for (size_t server = 0; server < 2; ++server) {
        outbox.Add(MakePush(server, 1));
        ASSERT_NE(outbox.Take(kStart), nullptr);
        outbox.Failed(kStart, Millis(30000), 0.5);
    }
    EXPECT_EQ(outbox.Take(kStart + Millis(29999)), nullptr);
    outbox.RetryNow();
    EXPECT_NE(outbox.Take(kStart), nullptr);
}

}  // namespace
}  // namespace pganalytics::collector
