// Tests of the limit of queries: which queries are kept, and that the limit changes no total.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "samples.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::MetricId;
using protocol::Row;
using protocol::RowBuilder;

constexpr uint32_t kCalls = protocol::kFirstCounter;
constexpr uint32_t kTotalTime = protocol::kFirstCounter + 3;

std::string Query(int64_t id, int64_t calls, double total, const std::string& more = "") {
    return R"({"hash":)" + std::to_string(id) + R"(,"calls":)" + std::to_string(calls) +
           R"(,"total_time":)" + std::to_string(total) + R"(,"text":"q)" + std::to_string(id) +
           "\"" + more + "}";
}

std::string Joined(const std::vector<std::string>& rows) {
    std::string all;
    for (const auto& row : rows) all += (all.empty() ? "" : ",") + row;
    return all;
}

// IsOther says whether a row is the sum that the limit makes of the queries beyond it.
bool IsOther(const RowBuilder& block, Row row) {
    return row.Int8(protocol::kQueryId) == 0 && !row.IsNull(protocol::kUserName) &&
           block.Text(row.Word(protocol::kUserName)).empty() && row.Word(protocol::kTopLevel) == 1;
}

const RowBuilder& Queries(const DecodedPush& push) { return *BlockOf(push, MetricId::kQueryStats); }

uint64_t AccountOf(const DecodedPush& push, std::string_view database, uint32_t column) {
    const RowBuilder& block = push.blocks.back();
    for (uint32_t i = 0; i < block.rows(); ++i) {
        if (block.Text(block.At(i).Word(protocol::kAccountDatabase)) == database) {
            return block.At(i).Word(column);
        }
    }
    ADD_FAILURE() << database;
    return 0;
}

TEST(Limit, KeepsTheTopOfBothRankings) {
    const std::string rows = Joined({Query(1, 1, 50), Query(2, 9, 1), Query(3, 2, 40),
                                     Query(4, 8, 2), Query(5, 3, 3), Query(6, 4, 4)});
    const auto push = DecodeText(Document(QueryStats(rows)), 4);
    ASSERT_TRUE(push.ok()) << push.error().message;
    const RowBuilder& block = Queries(*push);
    ASSERT_EQ(block.rows(), 5u);
    for (uint32_t i = 0; i < 4; ++i) {
        const Row row = block.At(i);
        EXPECT_EQ(row.Int8(protocol::kQueryId), i + 1);
        EXPECT_EQ(block.Text(row.Word(protocol::kQueryText)), "q" + std::to_string(i + 1));
        EXPECT_EQ(block.Text(row.Word(protocol::kDatabase)), "app");
    }
    const Row other = block.At(4);
    EXPECT_TRUE(IsOther(block, other));
    EXPECT_TRUE(other.IsNull(protocol::kQueryText));
    EXPECT_TRUE(other.IsNull(protocol::kRebased));
    EXPECT_EQ(block.Text(other.Word(protocol::kDatabase)), "app");
    EXPECT_FALSE(other.IsNull(protocol::kSampledAt));
    EXPECT_EQ(other.Int8(kCalls), 7);
    EXPECT_EQ(other.Float8(kTotalTime), 7);
    EXPECT_EQ(push->observed, 6u);
    EXPECT_EQ(push->merged, 1u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountObserved), 6u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountMerged), 1u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountBeyondLimit), 1u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountQueries), 6u);
    // The texts of the merged queries are not forwarded.
    for (const char* text : {"q5", "q6"}) {
        std::string bytes;
        block.AppendTo(&bytes);
        EXPECT_EQ(bytes.find(text), std::string::npos);
    }
}

TEST(Limit, CountsWhatItMerges) {
    std::vector<std::string> rows;
    for (int i = 1; i <= 10; ++i) rows.push_back(Query(i, i, i));
    for (uint32_t limit = 1; limit <= 12; ++limit) {
        const auto push = DecodeText(Document(QueryStats(Joined(rows))), limit);
        const bool is_beyond = limit < 10;
        const uint64_t merged = is_beyond ? 10 - limit - 1 : 0;
        EXPECT_EQ(Queries(*push).rows(), is_beyond ? limit + 1 : 10u) << limit;
        EXPECT_EQ(push->observed, 10u);
        EXPECT_EQ(push->merged, merged) << limit;
        EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountBeyondLimit), merged) << limit;
    }
}

TEST(Limit, IsOfEachSnapshot) {
    const std::string rows = Joined({Query(1, 1, 1), Query(2, 2, 2), Query(3, 3, 3)});
    const auto push = DecodeText(Document(QueryStats(rows) + "," + QueryStats(rows) + "," +
                                          QueryStats(Query(7, 7, 7) + "," + Query(1, 1, 1))),
                                 2);
    const RowBuilder& block = Queries(*push);
    EXPECT_EQ(block.rows(), 8u);
    EXPECT_EQ(block.At(6).Int8(protocol::kQueryId), 7);
    EXPECT_EQ(block.At(7).Int8(protocol::kQueryId), 1);
    EXPECT_EQ(push->observed, 8u);
    EXPECT_EQ(push->merged, 0u);
}

TEST(Limit, RowsOfOneQueryCountOnce) {
    const auto push = DecodeText(
        Document(QueryStats(Joined({Query(1, 1, 1), Query(1, 2, 2), Query(2, 9, 9)}))), 2);
    EXPECT_EQ(Queries(*push).rows(), 2u);
    EXPECT_EQ(push->merged, 1u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountBeyondLimit), 0u);
}

TEST(Limit, TheSendersOtherIsNoQuery) {
    const std::string senders = R"(,"user":"","toplevel":true,"rebased":true)";
    const std::vector<std::string> rows = {Query(0, 1000, 1000, senders), Query(1, 1, 1),
                                           Query(2, 2, 2)};
    auto push = DecodeText(Document(QueryStats(Joined(rows), R"(,"merged":5,"unchanged":3)")), 2);
    ASSERT_TRUE(push.ok()) << push.error().message;
    EXPECT_EQ(Queries(*push).rows(), 3u);
    EXPECT_EQ(push->observed, 11u);
    EXPECT_EQ(push->merged, 5u);
    EXPECT_EQ(push->unchanged, 3u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountBeyondLimit), 5u);
    push = DecodeText(Document(QueryStats(Joined(rows), R"(,"merged":5)")), 1);
    const RowBuilder& block = Queries(*push);
    ASSERT_EQ(block.rows(), 2u);
    EXPECT_EQ(block.At(0).Int8(protocol::kQueryId), 2);
    EXPECT_TRUE(IsOther(block, block.At(1)));
    EXPECT_EQ(block.At(1).Int8(kCalls), 1001);
    EXPECT_EQ(block.At(1).Word(protocol::kRebased), 1u);
    EXPECT_TRUE(block.At(1).IsNull(protocol::kQueryText));
    EXPECT_EQ(push->observed, 8u);
    EXPECT_EQ(push->merged, 6u);
    EXPECT_EQ(AccountOf(*push, "app", protocol::kAccountBeyondLimit), 6u);
}

TEST(Limit, OtherIsRebasedIfARowOfItIs) {
    const std::string rebased = R"(,"rebased":true)";
    const auto push = DecodeText(
        Document(QueryStats(Joined({Query(1, 9, 9, rebased), Query(2, 1, 1), Query(3, 2, 2)})) +
                 "," +
                 QueryStats(Joined({Query(1, 9, 9), Query(2, 1, 1), Query(3, 2, 2, rebased)}))),
        1);
    const RowBuilder& block = Queries(*push);
    ASSERT_EQ(block.rows(), 4u);
    EXPECT_EQ(block.At(0).Word(protocol::kRebased), 1u);
    EXPECT_TRUE(block.At(1).IsNull(protocol::kRebased));
    EXPECT_EQ(block.At(3).Word(protocol::kRebased), 1u);
}

TEST(Limit, ASumOutOfRangeIsRefused) {
    const std::string rows =
        Joined({Query(1, INT64_MAX, 1), Query(2, INT64_MAX - 1, 1), Query(3, INT64_MAX - 1, 0)});
    const auto push = DecodeText(Document(QueryStats(rows)), 1);
    ASSERT_FALSE(push.ok());
    EXPECT_EQ(push.error().status, 422);
    EXPECT_EQ(push.error().path, "metrics[0].calls");
    EXPECT_TRUE(DecodeText(Document(QueryStats(rows)), 2).ok());
}

using Totals = std::map<std::string, int64_t>;

// TotalsOf sums all 64-bit counters, and the times in whole milliseconds.
Totals TotalsOf(const DecodedPush& push) {
    Totals totals;
    const RowBuilder& block = Queries(push);
    const auto columns = block.metric().columns;
    for (uint32_t i = 0; i < block.rows(); ++i) {
        for (uint32_t c = protocol::kFirstCounter; c < columns.size(); ++c) {
            const bool is_integer = columns[c].type == protocol::ColumnType::kInt8;
            const bool is_sum =
                columns[c].name.find("m") != 0 && columns[c].name != "stddev_exec_time";
            if (!is_sum) continue;
            totals[std::string(columns[c].name)] +=
                is_integer ? block.At(i).Int8(c) : static_cast<int64_t>(block.At(i).Float8(c));
        }
    }
    return totals;
}

TEST(Limit, NoTotalChangesWithIt) {
    std::mt19937_64 random(3);
    std::vector<std::string> rows;
    const auto columns = protocol::FindMetric(MetricId::kQueryStats)->columns;
    for (int i = 0; i < 300; ++i) {
        std::string more;
        for (const auto& column : columns.subspan(protocol::kFirstCounter + 1)) {
            if (column.name == "total_exec_time") continue;
            more += ",\"" + std::string(column.json_key) +
                    "\":" + std::to_string(random() % 1000000000000);
        }
        rows.push_back(Query(static_cast<int64_t>(random() % 250) - 100,
                             static_cast<int64_t>(random() % 1000),
                             static_cast<double>(random() % 1000), more));
    }
    const std::string body = Document(QueryStats(Joined(rows)) + "," + QueryStats(Joined(rows)));
    const auto whole = DecodeText(body);
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    for (const uint32_t limit : {1, 2, 3, 10, 100, 149, 150, 250, 1000}) {
        const auto push = DecodeText(body, limit);
        ASSERT_TRUE(push.ok()) << push.error().message;
        EXPECT_EQ(TotalsOf(*push), TotalsOf(*whole)) << limit;
        EXPECT_EQ(push->observed, 600u);
        EXPECT_EQ(push->observed, Queries(*push).rows() + push->merged);
        EXPECT_LE(Queries(*push).rows(), 2 * (limit + 1));
    }
}

}  // namespace
}  // namespace pganalytics::ingest
