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
    uint64_t owner = 0;
    size_t Kind() const { return kind; }
    uint64_t Owner() const { return owner; }
    Key OfOwner() const { return {kind, 0, owner}; }
    Key Rest() const { return {kind, 0, 0}; }
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
    // A place becomes free when its emission is paid.
    ASSERT_FALSE(tally.Add({0, 7}, 1, kNow + 4 * kTallyCostMs - 1, &due) && due.key.client == 7);
    ASSERT_TRUE(tally.Add({0, 8}, 1, kNow + 4 * kTallyCostMs, &due));
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

TEST(Tally, AnOwnerLeavesPlacesToOthers) {
    Tally<Key, 8, 2> tally;
    Due due;
    for (uint32_t client = 1; client <= 2; ++client) {
        ASSERT_TRUE(tally.Add({0, client, 7}, 1, kNow, &due));
        EXPECT_EQ(due.key, (Key{0, client, 7}));
    }
    // A quarter of the places is taken. All other clients of this owner share one.
    ASSERT_TRUE(tally.Add({0, 3, 7}, 1, kNow, &due));
    EXPECT_EQ(due.key, (Key{0, 0, 7}));
    for (uint32_t client = 4; client <= 1000; ++client) {
        EXPECT_FALSE(tally.Add({0, client, 7}, 1, kNow, &due));
    }
    ASSERT_TRUE(tally.Add({0, 1, 8}, 1, kNow, &due));
    EXPECT_EQ(due.key, (Key{0, 1, 8}));
    ASSERT_TRUE(tally.Next(kNow + kTallyFirstWaitMs, &due));
    EXPECT_EQ(due.key, (Key{0, 0, 7}));
    EXPECT_EQ(due.count, 997U);
}

TEST(Tally, EmitsInOneProcessWhatAnotherCounts) {
    TestTally tally;
    const size_t place = tally.Count({0, 1}, 2, kNow);
    EXPECT_TRUE(tally.IsDue(place, kNow));
    const Due due = tally.At(place, kNow + 5);
    EXPECT_EQ(due.count, 2U);
    EXPECT_EQ(due.over_ms, 5);
    // Until the row is stored, more events come.
    EXPECT_EQ(tally.Count({0, 1}, 1, kNow + 6), place);
    tally.Emitted(place, due.count, kNow + 7);
    EXPECT_FALSE(tally.IsDue(place, kNow + kTallyFirstWaitMs + 6));
    EXPECT_TRUE(tally.IsDue(place, kNow + kTallyFirstWaitMs + 7));
    EXPECT_EQ(tally.At(place, kNow + 7).count, 1U);
}

// Attack is what an attacker does: whom the event at `now` names, 0 for no event.
using Attack = uint32_t (*)(int64_t now, std::mt19937* random);

// Run counts for six hours and returns the largest number of rows in one of them.
template <size_t kSlots>
int MostRowsInAnHour(Attack attack) {
    std::mt19937 random(7);
    Tally<Key, kSlots, 1> tally;
    Due due;
    uint64_t added = 0;
    uint64_t counted = 0;
    std::map<int64_t, int> rows;
    for (int64_t now = 0; now < 6 * kHour; now += 100) {
        const auto take = [&] {
            counted += due.count;
            ++rows[now / kHour];
        };
        const uint32_t client = attack(now, &random);
        if (client != 0) {
            ++added;
            if (tally.Add({0, client}, 1, kNow + now, &due)) take();
        }
        while (tally.Next(kNow + now, &due)) take();
    }
    while (tally.Last(kNow + 6 * kHour, &due)) counted += due.count;
    EXPECT_EQ(counted, added);
    int most = 0;
    for (const auto& [hour, count] : rows) most = std::max(most, count);
    return most;
}

TEST(Tally, BoundsWhatIsEmitted) {
    constexpr Attack kAttacks[] = {
        // New clients all the time, and one that is always the same.
        [](int64_t, std::mt19937* random) -> uint32_t {
            return (*random)() % 2 == 0 ? 1 : static_cast<uint32_t>((*random)());
        },
        // Each client comes again just when its first wait is over.
        [](int64_t now, std::mt19937*) -> uint32_t {
            const int64_t in_round = now % 10'100;
            return in_round / 100 < 96 ? static_cast<uint32_t>(1 + in_round / 100) : 0;
        },
        // Each client comes four times in 70 s, then others do.
        [](int64_t now, std::mt19937*) -> uint32_t {
            return static_cast<uint32_t>(1 + now / 70'000 * 100 + now % 10'000 / 100);
        },
        // All pause until they are forgotten, and come again.
        [](int64_t now, std::mt19937*) -> uint32_t {
            return now % 500'000 < 80'000 ? static_cast<uint32_t>(1 + now % 10'000 / 100) : 0;
        },
    };
    for (const Attack attack : kAttacks) {
        EXPECT_LT(MostRowsInAnHour<32>(attack), 1000);
        EXPECT_LT(MostRowsInAnHour<80>(attack), 1000);
    }
}

}  // namespace
}  // namespace pganalytics::core
