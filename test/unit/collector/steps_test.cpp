// Tests of Steps: one thread that hangs is noticed, however busy the others are.
#include "collector/steps.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace pganalytics::collector {
namespace {

using std::chrono::seconds;

TEST(Steps, OneThatHangsIsNoticedAmongOthers) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Steps steps;
    EXPECT_TRUE(steps.AllMoveOn(start));
    std::optional<Steps::Step> hanging(std::in_place, &steps, start);
    for (seconds passed{0}; passed <= kLongestStep; passed += seconds(10)) {
        const Steps::Step short_one(&steps, start + passed);
        EXPECT_TRUE(steps.AllMoveOn(start + passed));
    }
    const SteadyTime late = start + kLongestStep + seconds(1);
    {
        const Steps::Step short_one(&steps, late);
        EXPECT_FALSE(steps.AllMoveOn(late));
    }
    hanging.reset();
    EXPECT_TRUE(steps.AllMoveOn(late));
}

TEST(Steps, TwoThatBeginAtOnceAreTwo) {
    const SteadyTime start = std::chrono::steady_clock::now();
    Steps steps;
    std::optional<Steps::Step> first(std::in_place, &steps, start);
    const Steps::Step second(&steps, start);
    first.reset();
    EXPECT_FALSE(steps.AllMoveOn(start + kLongestStep + seconds(1)));
}

}  // namespace
}  // namespace pganalytics::collector
