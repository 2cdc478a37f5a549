// Tests of merging: rows of one query in one snapshot become one row, as if it had counted all
// their calls.
#include "ingest/merge.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "samples.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Row;

uint32_t ColumnOf(std::string_view name) {
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    for (uint32_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name == name) return i;
    }
    ADD_FAILURE() << name;
    return 0;
}

std::string RowOf(const std::vector<double>& times, const std::string& more = "") {
    double total = 0;
    double min = times[0];
    double max = times[0];
    for (const double time : times) {
        total += time;
        min = std::min(min, time);
        max = std::max(max, time);
    }
    const auto n = static_cast<double>(times.size());
    double squares = 0;
    for (const double time : times) squares += (time - total / n) * (time - total / n);
    char text[512];
    std::snprintf(text, sizeof(text),
                  R"({"hash":1,"calls":%zu,"total_time":%.17g,"min_time":%.17g,"max_time":%.17g,)"
                  R"("mean_time":%.17g,"stddev_time":%.17g%s})",
                  times.size(), total, min, max, total / n, std::sqrt(squares / n), more.c_str());
    return text;
}

TEST(Merge, TimesAreThoseOfAllCallsTogether) {
    const std::vector<double> first = {1, 2, 30};
    const std::vector<double> second = {0.25, 8};
    const std::vector<double> third = {100};
    std::vector<double> all = first;
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), third.begin(), third.end());
    const auto merged =
        DecodeText(Document(QueryStats(RowOf(first) + "," + RowOf(second) + "," + RowOf(third))));
    const auto expected = DecodeText(Document(QueryStats(RowOf(all))));
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->merged, 2u);
    EXPECT_EQ(merged->observed, 3u);
    ASSERT_EQ(merged->blocks[0].rows(), 1u);
    const Row row = merged->blocks[0].At(0);
    const Row want = expected->blocks[0].At(0);
    EXPECT_EQ(row.Int8(ColumnOf("calls")), 6);
    for (const char* name : {"total_exec_time", "min_exec_time", "max_exec_time", "mean_exec_time",
                             "stddev_exec_time"}) {
        EXPECT_NEAR(row.Float8(ColumnOf(name)), want.Float8(ColumnOf(name)), 1e-9) << name;
    }
}

TEST(Merge, SumsAreExact) {
    const auto push =
        DecodeText(Document(QueryStats(R"({"hash":1,"calls":1,"rows":9007199254740993},)"
                                       R"({"hash":1,"calls":1,"rows":2,"wal_bytes":5})")));
    const Row row = push->blocks[0].At(0);
    EXPECT_EQ(row.Int8(ColumnOf("rows")), 9007199254740995);
    EXPECT_EQ(row.Int8(ColumnOf("wal_bytes")), 5);
    EXPECT_TRUE(row.IsNull(ColumnOf("wal_fpi")));
}

TEST(Merge, AMinimumOfZeroIsAMinimum) {
    const auto push = DecodeText(Document(QueryStats(RowOf({0, 4}) + "," + RowOf({3})) + "," +
                                          QueryStats(RowOf({3}) + "," + RowOf({0, 4}))));
    for (uint32_t i = 0; i < 2; ++i) {
        const Row row = push->blocks[0].At(i);
        EXPECT_TRUE(row.IsNull(ColumnOf("min_exec_time")));
        EXPECT_EQ(row.Word(ColumnOf("min_exec_time")), 0u);
        EXPECT_EQ(row.Float8(ColumnOf("max_exec_time")), 4);
    }
}

TEST(Merge, RowsThatWereOnlyPlannedSayNothingOfTimes) {
    const std::string planned = R"({"hash":1,"plans":3,"total_plan_time":1.5})";
    const auto push = DecodeText(Document(QueryStats(planned + "," + RowOf({2, 4})) + "," +
                                          QueryStats(RowOf({2, 4}) + "," + planned)));
    for (uint32_t i = 0; i < 2; ++i) {
        const Row row = push->blocks[0].At(i);
        EXPECT_EQ(row.Int8(ColumnOf("plans")), 3);
        EXPECT_EQ(row.Float8(ColumnOf("min_exec_time")), 2);
        EXPECT_EQ(row.Float8(ColumnOf("mean_exec_time")), 3);
        EXPECT_EQ(row.Float8(ColumnOf("stddev_exec_time")), 1);
    }
}

TEST(Merge, IdentityIsUserQueryidAndLevel) {
    const auto push = DecodeText(Document(QueryStats(
        R"({"hash":1},{"hash":1,"user":""},{"hash":1,"user":"a"},{"hash":1,"toplevel":true},)"
        R"({"hash":1,"toplevel":false},{"hash":2},{"hash":1,"user":"a","toplevel":true},)"
        R"({"user":"a","hash":1},{"hash":1})")));
    EXPECT_EQ(push->blocks[0].rows(), 7u);
    EXPECT_EQ(push->merged, 2u);
    EXPECT_EQ(push->observed, 9u);
}

TEST(Merge, OtherSnapshotsAreOtherRows) {
    const auto push = DecodeText(Document(QueryStats(RowOf({1})) + "," + QueryStats(RowOf({1}))));
    EXPECT_EQ(push->blocks[0].rows(), 2u);
    EXPECT_EQ(push->merged, 0u);
}

TEST(Merge, TheFirstTextIsKept) {
    const auto push = DecodeText(
        Document(QueryStats(R"({"hash":1},{"hash":1,"text":"a"},{"hash":1,"text":"b"})")));
    const auto& block = push->blocks[0];
    ASSERT_EQ(block.rows(), 1u);
    EXPECT_EQ(block.Text(block.At(0).Word(protocol::kQueryText)), "a");
}

TEST(Merge, StatisticsBeginWithTheirOldestPart) {
    const auto push = DecodeText(
        Document(QueryStats(R"({"hash":1,"stats_since":"2026-11-22T02:00:00Z"},)"
                            R"({"hash":1,"stats_since":"2026-11-22T01:00:00Z"},)"
                            R"({"hash":2,"stats_since":"2026-11-22T01:00:00Z"},{"hash":2})")));
    const auto& block = push->blocks[0];
    EXPECT_EQ(block.At(1).IsNull(protocol::kStatsSince), true);
    const auto single =
        DecodeText(Document(QueryStats(R"({"hash":1,"stats_since":"2026-11-22T01:00:00Z"})")));
    EXPECT_EQ(block.At(0).Word(protocol::kStatsSince),
              single->blocks[0].At(0).Word(protocol::kStatsSince));
}

TEST(RowIndex, FindsWhatWasAdded) {
    RowIndex index(7);
    for (uint32_t i = 0; i < 5000; ++i) {
        EXPECT_EQ(index.FindOrAdd(index.Hash(i), i, [](uint32_t) { return true; }), i);
    }
    for (uint32_t i = 0; i < 5000; ++i) {
        EXPECT_EQ(index.FindOrAdd(index.Hash(i), 9999, [](uint32_t) { return true; }), i);
    }
}

TEST(RowIndex, SearchIsBounded) {
    RowIndex index(7);
    int looked = 0;
    for (uint32_t i = 0; i < 1000; ++i) {
        index.FindOrAdd(12345, i, [&looked](uint32_t) {
            ++looked;
            return false;
        });
    }
    EXPECT_LE(looked, 8000);
}

}  // namespace
}  // namespace pganalytics::ingest
