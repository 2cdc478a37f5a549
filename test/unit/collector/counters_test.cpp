// Tests of sums of counters, compared with a calculation over all calls.
#include "collector/statements/counters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "snapshots.hpp"

namespace pganalytics::collector {
namespace {

double Float(const std::vector<uint64_t>& counters, std::string_view name) {
    return std::bit_cast<double>(counters[CounterIndex(name)]);
}

// OfCalls gives the counters of a statement whose calls took these times.
std::vector<uint64_t> OfCalls(const std::vector<double>& times) {
    const double total = std::accumulate(times.begin(), times.end(), 0.0);
    const double mean = times.empty() ? 0 : total / static_cast<double>(times.size());
    double squares = 0;
    for (const double time : times) squares += (time - mean) * (time - mean);
    const auto word = [](double value) { return std::bit_cast<uint64_t>(value); };
    const bool none = times.empty();
    return SnapshotBuilder(0)
        .Add(1, static_cast<int64_t>(times.size()), total)
        .Set("min_exec_time", word(none ? 0 : *std::min_element(times.begin(), times.end())))
        .Set("max_exec_time", word(none ? 0 : *std::max_element(times.begin(), times.end())))
        .Set("stddev_exec_time",
             word(none ? 0 : std::sqrt(squares / static_cast<double>(times.size()))))
        .Set("wal_bytes", 10 * times.size())
        .Build()
        .counters;
}

TEST(CounterSum, IsWhatOneEntryWouldHave) {
    CounterSum sum;
    sum.Add(OfCalls({1, 2, 9}).data());
    sum.Add(OfCalls({}).data());  // planned, never executed
    sum.Add(OfCalls({0.5}).data());
    sum.Add(OfCalls({4, 4}).data());
    const std::vector<uint64_t> together = OfCalls({1, 2, 9, 0.5, 4, 4});
    EXPECT_EQ(sum.counters()[CounterIndex("calls")], 6u);
    EXPECT_EQ(sum.counters()[CounterIndex("wal_bytes")], 60u);
    for (const char* name :
         {"total_exec_time", "min_exec_time", "max_exec_time", "stddev_exec_time"}) {
        EXPECT_NEAR(Float(sum.counters(), name), Float(together, name), 1e-12) << name;
    }
}

TEST(CounterSum, ContinuesWithDifferences) {
    CounterSum sum(OfCalls({100, 100}));
    sum.AddDifference(OfCalls({1, 2, 3}).data(), OfCalls({1}).data());
    EXPECT_EQ(sum.counters()[CounterIndex("calls")], 4u);
    EXPECT_EQ(Float(sum.counters(), "total_exec_time"), 205);
    EXPECT_EQ(Float(sum.counters(), "max_exec_time"), 3);  // of the present values
}

TEST(HaveFallen, LooksAtSums) {
    const auto before = OfCalls({3, 5});
    EXPECT_FALSE(HaveFallen(before.data(), before.data()));
    EXPECT_FALSE(HaveFallen(OfCalls({3, 5, 1}).data(), before.data()));  // the minimum fell
    EXPECT_TRUE(HaveFallen(OfCalls({9}).data(), before.data()));
    EXPECT_TRUE(HaveFallen(OfCalls({1, 1, 1}).data(), before.data()));  // the total fell
}

}  // namespace
}  // namespace pganalytics::collector
