// Tests of Tally: when counts become due, that no count is lost, and how many rows it makes at
// most.
#include "core/tally.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace pganalytics::core {
namespace {

struct Key {
    uint32_t kind;
    uint32_t client;
    size_t Kind() const { return kind; }
    Key Rest() const { return {kind, 0}; }
    friend bool operator==(const Key&, const Key&) = default;
};
using Due = Counted<Key>;
using TestTally = Tally<Key, 4, 2>;

constexpr int64_t kNow = 1'000'000;
constexpr int64_t kHour = 3'600'000;

TEST(Tally, EmitsTheFirstAtOnce) {
    TestTally tally;
    Due due;
    ASSERT_TRUE(tally.Add({0, 1}, 1, kNow, &due));
    EXPECT_EQ(due.key, (Key{0, 1}));
    EXPECT_EQ(due.count, 1U);
    EXPECT_EQ(due.over_ms, 0);
    EXPECT_TRUE(tally.Add({0, 2}, 1, kNow, &due));
    EXPECT_TRUE(tally.Add({1, 1}, 1, kNow, &due));
}

TEST(Tally, EmitsTheRestTogether) {
    TestTally tally;
    Due due;
    tally.Add({0, 1}, 1, kNow, &due);
    for (int64_t i = 1; i <= 9999; ++i) {
        EXPECT_FALSE(tally.Add({0, 1}, 1, kNow + i * 9000 / 9999, &due));
    }
    EXPECT_FALSE(tally.Next(kNow + kTallyFirstWaitMs - 1, &due));
    ASSERT_TRUE(tally.Next(kNow + kTallyFirstWaitMs, &due));
    EXPECT_EQ(due.count, 9999U);
    EXPECT_EQ(due.over_ms, kTallyFirstWaitMs);
    EXPECT_FALSE(tally.Next(kNow + kHour, &due));
}

TEST(Tally, EmitsEverMoreSeldomWhileItGoesOn) {
    TestTally tally;
    Due due;
    std::vector<int64_t> told;
    uint64_t count = 0;
    for (int64_t now = 0; now <= kHour; now += 100) {
        if (tally.Add({0, 1}, 1, kNow + now, &due) || tally.Next(kNow + now, &due)) {
            told.push_back(now / 1000);
            count += due.count;
        }
    }
    const std::vector<int64_t> head = {0, 10, 30, 70, 150, 310, 630, 1230};
    ASSERT_GE(told.size(), head.size());
    EXPECT_TRUE(std::equal(head.begin(), head.end(), told.begin()));
    EXPECT_LE(told.size(), 12U);
    ASSERT_TRUE(tally.Last(kNow + kHour, &due));
    EXPECT_EQ(count + due.count, uint64_t{kHour / 100 + 1});
}

TEST(Tally, WhoWasQuietBeginsAnew) {
    TestTally tally;
    Due due;
    tally.Add({0, 1}, 1, kNow, &due);
    tally.Add({0, 1}, 1, kNow + 1, &due);
    ASSERT_TRUE(tally.Next(kNow + 10'000, &due));
    // Its next report would be due at 30 s, but nothing is counted until then.
    ASSERT_TRUE(tally.Add({0, 1}, 5, kNow + 40'000, &due));
    EXPECT_EQ(due.count, 5U);
    EXPECT_EQ(due.over_ms, 0);
    tally.Add({0, 1}, 1, kNow + 40'001, &due);
    EXPECT_FALSE(tally.Next(kNow + 49'999, &due));
    EXPECT_TRUE(tally.Next(kNow + 50'000, &due));
}

TEST(Tally, WhoHasNoPlaceIsCountedWithTheOthersOfItsKind) {
    TestTally tally;
    Due due;
    for (uint32_t client = 1; client <= 4; ++client) {
        EXPECT_TRUE(tally.Add({0, client}, 1, kNow, &due));
    }
    ASSERT_TRUE(tally.Add({0, 5}, 1, kNow, &due));
    EXPECT_EQ(due.key, (Key{0, 0}));
    EXPECT_FALSE(tally.Add({0, 6}, 1, kNow, &due));
    ASSERT_TRUE(tally.Add({1, 5}, 1, kNow, &due));
    EXPECT_EQ(due.key, (Key{1, 0}));
    // A place becomes free two minutes after its last report.
    ASSERT_FALSE(tally.Add({0, 7}, 1, kNow + kTallyKeepMs - 1, &due) && due.key.client == 7);
    ASSERT_TRUE(tally.Add({0, 8}, 1, kNow + kTallyKeepMs, &due));
    EXPECT_EQ(due.key, (Key{0, 8}));
}

TEST(Tally, LastTellsOfAll) {
    TestTally tally;
    Due due;
    for (uint32_t client = 0; client < 10; ++client) tally.Add({0, client}, 2, kNow, &due);
    uint64_t count = 0;
    while (tally.Last(kNow, &due)) count += due.count;
    // Five first counts were due at once: four clients with a place, and the first one without a
    // place.
    EXPECT_EQ(count, 2U * (10 - 5));
    EXPECT_FALSE(tally.Last(kNow, &due));
}

// An attacker uses new clients and bursts of one for an hour: every request is counted, in few
// rows.
TEST(Tally, BoundsWhatIsEmitted) {
    std::mt19937 random(7);
    Tally<Key, 32, 2> tally;
    Due due;
    uint64_t added = 0;
    uint64_t counted = 0;
    int rows = 0;
    const auto take = [&] {
        counted += due.count;
        ++rows;
    };
    uint32_t next_client = 1;
    for (int64_t now = 0; now < kHour; now += 20) {
        const uint64_t count = 1 + random() % 3;
        const uint32_t client = random() % 2 == 0 ? next_client++ : 1;
        added += count;
        if (tally.Add({0, client}, count, kNow + now, &due)) take();
        while (tally.Next(kNow + now, &due)) take();
    }
    EXPECT_LT(rows, 1100);
    while (tally.Last(kNow + kHour, &due)) take();
    EXPECT_EQ(counted, added);
}

}  // namespace
}  // namespace pganalytics::core
