// Tests of the waits between retries and of the schedule of samples.
#include "collector/push/backoff.hpp"

#include <gtest/gtest.h>

#include "collector/life/trouble.hpp"

namespace pganalytics::collector {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

TEST(BackoffDelay, DoublesItsCeilingUpToFiveMinutes) {
    const double almost_one = 0.9999999;
    EXPECT_EQ(BackoffDelay(1, Millis(0), almost_one).count(), 999);
    EXPECT_EQ(BackoffDelay(2, Millis(0), almost_one).count(), 1999);
    EXPECT_EQ(BackoffDelay(8, Millis(0), almost_one).count(), 127999);
    EXPECT_EQ(BackoffDelay(10, Millis(0), almost_one).count(), 299999);
    EXPECT_EQ(BackoffDelay(1000000000, Millis(0), almost_one).count(), 299999);
}

TEST(BackoffDelay, JitterIsFull) {
    EXPECT_EQ(BackoffDelay(4, Millis(0), 0.0).count(), 0);
    EXPECT_EQ(BackoffDelay(4, Millis(0), 0.25).count(), 2000);
}

TEST(BackoffDelay, RetryAfterIsTheFloorWithinReason) {
    EXPECT_EQ(BackoffDelay(1, Millis(7000), 0.5).count(), 7000);
    EXPECT_EQ(BackoffDelay(6, Millis(7000), 0.5).count(), 16000);
    EXPECT_EQ(BackoffDelay(1, Millis(86400000), 0.5), kLongestRetryAfter);
}

TEST(NextSlot, StaysOnTheGrid) {
    const SteadyTime first{Millis(1250)};
    EXPECT_EQ(NextSlot(first, Millis(1000), SteadyTime{Millis(0)}), first);
    EXPECT_EQ(NextSlot(first, Millis(1000), first), SteadyTime{Millis(2250)});
    EXPECT_EQ(NextSlot(first, Millis(1000), SteadyTime{Millis(2251)}), SteadyTime{Millis(3250)});
    // A sample that took three and a half intervals skips three slots and moves none.
    EXPECT_EQ(NextSlot(first, Millis(1000), SteadyTime{Millis(5750)}), SteadyTime{Millis(6250)});
}

TEST(Trouble, IsLoggedOnceAndAtMostOnceAMinuteForAnotherReason) {
    const SteadyTime start{std::chrono::hours(1)};
    Trouble trouble;
    EXPECT_FALSE(trouble.Worked());
    EXPECT_TRUE(trouble.Failed("refused", start));
    EXPECT_FALSE(trouble.Failed("refused", start + std::chrono::hours(5)));
    EXPECT_TRUE(trouble.Failed("timed out", start + std::chrono::hours(6)));
    EXPECT_FALSE(
        trouble.Failed("refused", start + std::chrono::hours(6) + std::chrono::seconds(59)));
    EXPECT_TRUE(
        trouble.Failed("refused", start + std::chrono::hours(6) + std::chrono::seconds(60)));
    EXPECT_TRUE(trouble.Worked());
    EXPECT_FALSE(trouble.Worked());
    EXPECT_TRUE(trouble.Failed("refused", start + std::chrono::hours(6)));
}

}  // namespace
}  // namespace pganalytics::collector
