// Tests of Monotonic: timers and back-offs on a clock that the test moves, and what counts as a
// change of the wall clock.
#include "core/monotonic.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace pganalytics::core {
namespace {

static_assert(std::is_trivially_destructible_v<Backoff> && std::is_trivially_copyable_v<Timer>);

constexpr int64_t kNsPerMs = 1'000'000;

Instant At(int64_t ms) { return Instant::FromNs(ms * kNsPerMs); }

TEST(Monotonic, NowNeverGoesBack) {
    Instant last = Instant::Now();
    EXPECT_GT(last, Instant());
    for (int i = 0; i < 1000; ++i) {
        const Instant now = Instant::Now();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(Timer, ANewOneIsDueAtOnce) {
    const Timer timer;
    EXPECT_TRUE(timer.IsDue(At(0)));
}

TEST(Timer, SaysHowLongItIsNotDue) {
    Timer timer;
    EXPECT_EQ(timer.MsLeft(At(0)), 0);
    timer.Start(At(1000), 250);
    for (const int64_t now : {1000, 1249}) {
        EXPECT_FALSE(timer.IsDue(At(now)));
        EXPECT_TRUE(timer.IsDue(At(now + timer.MsLeft(At(now)))));
    }
    EXPECT_EQ(timer.MsLeft(At(1250)), 0);
}

TEST(Timer, IsDueAtItsTimeAndNotBefore) {
    Timer timer;
    timer.Start(At(1000), 250);
    EXPECT_FALSE(timer.IsDue(At(1249)));
    EXPECT_TRUE(timer.IsDue(At(1250)));
    timer.Expire();
    EXPECT_TRUE(timer.IsDue(At(1000)));
}

TEST(Backoff, DoublesUpToItsLongest) {
    constexpr int64_t kExpected[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    Backoff backoff(100, 5000);
    Instant now = At(1);
    EXPECT_TRUE(backoff.MayTry(now));
    int failures = 0;
    for (const int64_t wait_ms : kExpected) {
        backoff.Fail(now);
        EXPECT_EQ(backoff.failures(), ++failures);
        EXPECT_FALSE(backoff.MayTry(now.PlusMs(wait_ms - 1)));
        now = now.PlusMs(wait_ms);
        EXPECT_TRUE(backoff.MayTry(now));
    }
}

TEST(Backoff, StaysAtItsLongestHoweverOftenItFails) {
    Backoff backoff(1, INT64_MAX / (4 * kNsPerMs));
    for (int i = 0; i < 100000; ++i) backoff.Fail(At(0));
    EXPECT_FALSE(backoff.MayTry(At(1)));
    EXPECT_GT(backoff.failures(), 100);
}

TEST(Backoff, ResetBeginsAnewAndTryNowGoesOn) {
    Backoff backoff(100, 5000);
    backoff.Fail(At(0));
    backoff.Fail(At(0));
    backoff.TryNow();
    EXPECT_TRUE(backoff.MayTry(At(0)));
    backoff.Fail(At(0));
    EXPECT_FALSE(backoff.MayTry(At(399)));
    EXPECT_TRUE(backoff.MayTry(At(400)));
    backoff.Reset();
    EXPECT_EQ(backoff.failures(), 0);
    backoff.Fail(At(0));
    EXPECT_TRUE(backoff.MayTry(At(100)));
}

TEST(ClockWatch, GivesBothWaysByHowMuchTheClockWasSet) {
    ClockWatch watch;
    const int64_t wall = int64_t{1790000000} * 1000 * kNsPerMs;
    const int64_t hour = int64_t{3600} * 1000 * kNsPerMs;
    EXPECT_EQ(watch.Compare(At(0), wall), 0);
    EXPECT_EQ(watch.Compare(At(500), wall + 500 * kNsPerMs), 0);
    EXPECT_TRUE(watch.IsSteady(At(500), 60000));
    EXPECT_EQ(watch.Compare(At(1000), wall + 1000 * kNsPerMs + hour), 3600 * 1000);
    EXPECT_FALSE(watch.IsSteady(At(1000), 60000));
    EXPECT_EQ(watch.Compare(At(2000), wall + 2000 * kNsPerMs + hour), 0);
    EXPECT_EQ(watch.Compare(At(3000), wall + 3000 * kNsPerMs - hour), -2 * 3600 * 1000);
    EXPECT_FALSE(watch.IsSteady(At(62999), 60000));
    EXPECT_TRUE(watch.IsSteady(At(63000), 60000));
}

TEST(ClockWatch, SmallStepsAreNoMoveHoweverMany) {
    ClockWatch watch;
    watch.Compare(At(0), 0);
    int64_t drift_ms = 0;
    for (int64_t ms = 1000; ms < 1000000; ms += 1000) {
        drift_ms += ClockWatch::kLeastMoveMs - 1;
        ASSERT_EQ(watch.Compare(At(ms), (ms + drift_ms) * kNsPerMs), 0);
    }
    EXPECT_TRUE(watch.IsSteady(At(1000000), 1000000));
}

TEST(ClockWatch, LooksAtTheRealClocks) {
    ClockWatch watch;
    Instant now;
    EXPECT_EQ(watch.Look(&now), 0);
    EXPECT_GT(now, Instant());
    EXPECT_LE(now, Instant::Now());
}

}  // namespace
}  // namespace pganalytics::core
