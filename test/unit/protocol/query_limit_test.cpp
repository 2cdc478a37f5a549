// Tests of the query limit: which queries are kept, and how the two rankings are combined.
#include "protocol/query_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace pganalytics::protocol {
namespace {

std::vector<size_t> Chosen(const std::vector<QueryWeight>& rows, size_t limit) {
    std::vector<size_t> positions;
    const auto kept = ChooseQueries(rows, limit);
    EXPECT_EQ(kept.size(), rows.size());
    for (size_t i = 0; i < kept.size(); ++i) {
        if (kept[i]) positions.push_back(i);
    }
    return positions;
}

using Positions = std::vector<size_t>;

TEST(QueryLimit, RanksByTimeAndByCallsInTurn) {
    // The order by time is 0 1 2 3 4 5, and by calls 5 4 3 2 1 0.
    const std::vector<QueryWeight> rows = {{60, 1}, {50, 2}, {40, 3}, {30, 4}, {20, 5}, {10, 6}};
    EXPECT_EQ(Chosen(rows, 0), Positions{});
    EXPECT_EQ(Chosen(rows, 1), (Positions{0}));
    EXPECT_EQ(Chosen(rows, 2), (Positions{0, 5}));
    EXPECT_EQ(Chosen(rows, 3), (Positions{0, 1, 5}));
    EXPECT_EQ(Chosen(rows, 4), (Positions{0, 1, 4, 5}));
    EXPECT_EQ(Chosen(rows, 6), (Positions{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(Chosen(rows, 7), (Positions{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(Chosen({}, 5), Positions{});
}

TEST(QueryLimit, ARowInBothRankingsTakesOnePlace) {
    const std::vector<QueryWeight> rows = {{9, 9}, {8, 8}, {1, 7}, {7, 1}, {0, 0}};
    EXPECT_EQ(Chosen(rows, 3), (Positions{0, 1, 3}));
    EXPECT_EQ(Chosen(rows, 4), (Positions{0, 1, 2, 3}));
}

TEST(QueryLimit, OfEqualRowsTheEarlierIsKept) {
    EXPECT_EQ(Chosen(std::vector<QueryWeight>(9), 4), (Positions{0, 1, 2, 3}));
    EXPECT_EQ(Chosen({{1, 5}, {2, 5}, {2, 5}, {1, 6}}, 1), (Positions{1}));
}

// Slow keeps the same rows the simple way: it sorts both rankings whole and reads them from the
// top.
Positions Slow(const std::vector<QueryWeight>& rows, size_t limit) {
    Positions by_time(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) by_time[i] = i;
    Positions by_calls = by_time;
    std::stable_sort(by_time.begin(), by_time.end(),
                     [&](size_t a, size_t b) { return rows[a].total_time > rows[b].total_time; });
    std::stable_sort(by_calls.begin(), by_calls.end(),
                     [&](size_t a, size_t b) { return rows[a].calls > rows[b].calls; });
    Positions kept;
    auto take = [&](const Positions& ranking) {
        for (const size_t row : ranking) {
            if (std::find(kept.begin(), kept.end(), row) != kept.end()) continue;
            kept.push_back(row);
            return;
        }
    };
    for (size_t i = 0; i < std::min(limit, rows.size()); ++i) take(i % 2 == 0 ? by_time : by_calls);
    std::sort(kept.begin(), kept.end());
    return kept;
}

TEST(QueryLimit, AgreesWithWholeRankings) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<QueryWeight> rows(random() % 40);
        for (auto& row : rows) {
            row.total_time = static_cast<double>(random() % 10);
            row.calls = static_cast<int64_t>(random() % 10);
        }
        const size_t limit = random() % 45;
        EXPECT_EQ(Chosen(rows, limit), Slow(rows, limit)) << round;
    }
}

ExecTimes TimesOf(const std::vector<double>& times) {
    ExecTimes all;
    all.calls = static_cast<double>(times.size());
    all.min = *std::min_element(times.begin(), times.end());
    all.max = *std::max_element(times.begin(), times.end());
    for (const double time : times) all.mean += time / all.calls;
    double squares = 0;
    for (const double time : times) squares += (time - all.mean) * (time - all.mean);
    all.stddev = std::sqrt(squares / all.calls);
    return all;
}

void ExpectTimes(const ExecTimes& actual, const ExecTimes& expected) {
    EXPECT_EQ(actual.calls, expected.calls);
    EXPECT_EQ(actual.min, expected.min);
    EXPECT_EQ(actual.max, expected.max);
    EXPECT_NEAR(actual.mean, expected.mean, 1e-12 * expected.max);
    EXPECT_NEAR(actual.stddev, expected.stddev, 1e-12 * expected.max);
}

TEST(CombineTimes, AreThoseOfAllCallsTogether) {
    const ExecTimes all = TimesOf({1, 2, 30, 0.25, 8, 100});
    const ExecTimes parts[] = {TimesOf({1, 2, 30}), TimesOf({0.25, 8}), TimesOf({100})};
    ExpectTimes(CombineTimes(CombineTimes(parts[0], parts[1]), parts[2]), all);
    ExpectTimes(CombineTimes(parts[2], CombineTimes(parts[1], parts[0])), all);
}

TEST(CombineTimes, KeepTheDigitsOfSmallDeviations) {
    const ExecTimes a = TimesOf({1e9 + 1, 1e9 + 2});
    EXPECT_NEAR(CombineTimes(a, a).stddev, 0.5, 1e-6);
}

TEST(CombineTimes, ASideWithoutCallsSaysNothing) {
    const ExecTimes some = TimesOf({2, 4});
    ExpectTimes(CombineTimes(some, {}), some);
    ExpectTimes(CombineTimes({}, some), some);
    ExpectTimes(CombineTimes({}, {}), {});
}

TEST(CombineTimes, AMinimumOfZeroIsAMinimum) {
    EXPECT_EQ(CombineTimes(TimesOf({0, 4}), TimesOf({3})).min, 0);
    EXPECT_EQ(CombineTimes(TimesOf({3}), TimesOf({0, 4})).min, 0);
}

}  // namespace
}  // namespace pganalytics::protocol
