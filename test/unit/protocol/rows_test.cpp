// Tests of rows: what a builder writes is read back, and a block with a value out of range is
// refused.
#include "protocol/rows.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::protocol {
namespace {

constexpr uint32_t kCalls = kFirstCounter;
constexpr uint32_t kTotalTime = kFirstCounter + 3;

const Metric& QueryStats() { return *FindMetric(MetricId::kQueryStats); }

RowBuilder TwoRows() {
    RowBuilder builder(QueryStats());
    const uint64_t database = builder.AddText("app");
    for (int64_t i = 0; i < 2; ++i) {
        builder.StartRow();
        builder.SetInt8(kSampledAt, 1000 + i);
        builder.SetWord(kDatabase, database);
        builder.SetInt8(kQueryId, INT64_MIN + i);
        builder.SetBool(kTopLevel, i == 0);
        builder.SetWord(kQueryText, builder.AddText(i == 0 ? "SELECT 1" : ""));
        builder.SetInt8(kCalls, 5);
        builder.SetFloat8(kTotalTime, 1.5);
    }
    return builder;
}

std::string BlockOf(const RowBuilder& builder) {
    std::string block;
    builder.AppendTo(&block);
    EXPECT_EQ(block.size(), builder.EncodedBytes());
    EXPECT_EQ(block.size() % 8, 0u);
    return block;
}

// Reads decodes in memory of the exact size, aligned to 8 bytes, as a worker does.
bool Reads(const std::string& bytes, RowBlock* block = nullptr, const char** why = nullptr) {
    static std::vector<uint64_t> words;
    words.assign((bytes.size() + 7) / 8, 0);
    words.shrink_to_fit();
    if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
    core::ByteReader reader(reinterpret_cast<const char*>(words.data()), bytes.size());
    RowBlock ignored;
    const char* reason = nullptr;
    const bool good = DecodeBlock(&reader, block != nullptr ? block : &ignored, &reason);
    EXPECT_EQ(good, reason == nullptr);
    if (why != nullptr) *why = reason;
    return good;
}

// FirstRow returns the words of the first row, which follow the block's header.
uint64_t* FirstRow(std::string* block) {
    return reinterpret_cast<uint64_t*>(block->data() + sizeof(BlockHeader));
}

TEST(Rows, ComeBack) {
    RowBlock block;
    ASSERT_TRUE(Reads(BlockOf(TwoRows()), &block));
    ASSERT_EQ(block.rows, 2u);
    EXPECT_EQ(block.metric, &QueryStats());
    const Row row = block.At(0);
    EXPECT_EQ(row.Int8(kSampledAt), 1000);
    EXPECT_EQ(block.Text(row.Word(kDatabase)), "app");
    EXPECT_EQ(row.Int8(kQueryId), INT64_MIN);
    EXPECT_EQ(block.Text(row.Word(kQueryText)), "SELECT 1");
    EXPECT_EQ(row.Float8(kTotalTime), 1.5);
    EXPECT_TRUE(row.IsNull(kUserName));
    EXPECT_TRUE(row.IsNull(kStatsSince));
    EXPECT_FALSE(block.At(1).IsNull(kQueryText));
    EXPECT_EQ(block.Text(block.At(1).Word(kQueryText)), "");
    // Equal names are stored once and share their bytes.
    EXPECT_EQ(row.Word(kDatabase), block.At(1).Word(kDatabase));
}

TEST(Rows, EveryCutFails) {
    const std::string block = BlockOf(TwoRows());
    for (size_t size = 0; size < block.size(); ++size) {
        EXPECT_FALSE(Reads(block.substr(0, size))) << size;
    }
}

TEST(Rows, EveryCutOfAPushFrameFails) {
    Push push;
    push.blocks = 1;
    push.observed = 2;
    std::string payload;
    core::ByteSink<std::string> sink(&payload);
    Encode(push, &sink);
    TwoRows().AppendTo(&payload);
    for (size_t size = 0; size <= payload.size(); ++size) {
        const std::vector<char> copy(payload.begin(), payload.begin() + static_cast<long>(size));
        core::ByteReader reader(copy.data(), copy.size());
        Push read;
        RowBlock block;
        const char* why = nullptr;
        const bool good = Decode(&reader, &read) && DecodeBlock(&reader, &block, &why);
        EXPECT_EQ(good, size == payload.size()) << size;
    }
}

TEST(Rows, HeaderIsChecked) {
    const std::string good = BlockOf(TwoRows());
    for (const auto& [offset, value] :
         std::vector<std::pair<size_t, uint32_t>>{{0, 0},
                                                  {0, 30},
                                                  {0, 65537},
                                                  {4, 35},
                                                  {4, 37},
                                                  {8, 3},
                                                  {8, kMaxRowsPerPush + 1},
                                                  {8, 0xFFFFFFFF},
                                                  {12, 1 << 20},
                                                  {12, 0xFFFFFFFF}}) {
        std::string bad = good;
        std::memcpy(bad.data() + offset, &value, sizeof(value));
        EXPECT_FALSE(Reads(bad)) << offset << " " << value;
    }
}

struct BadCell {
    const char* name;
    uint32_t column;
    uint64_t word;
    bool null;
};

TEST(Rows, CellsAreChecked) {
    const uint64_t nan = std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN());
    const uint64_t infinity = std::bit_cast<uint64_t>(std::numeric_limits<double>::infinity());
    for (const BadCell& bad :
         {BadCell{"required is NULL", kQueryId, 0, true},
          BadCell{"NULL with a value", kUserName, 5, true},
          BadCell{"bool of 2", kTopLevel, 2, false}, BadCell{"NaN", kTotalTime, nan, false},
          BadCell{"infinity", kTotalTime, infinity, false},
          BadCell{"text behind the heap", kQueryText, 11, false},
          BadCell{"text far away", kQueryText, uint64_t{100} << 32, false},
          BadCell{"offset and length overflow", kQueryText, uint64_t{0xFFFFFFFF} << 32 | 0xFFFFFFFF,
                  false}}) {
        std::string block = BlockOf(TwoRows());
        // The heap holds "app" and "SELECT 1", 11 bytes: a text of 11 bytes fits, one of 12 does
        // not.
        uint64_t* row = FirstRow(&block);
        const uint64_t bit = uint64_t{1} << bad.column;
        row[0] = bad.null ? row[0] | bit : row[0] & ~bit;
        row[1 + bad.column] = bad.word == 11 ? 12 : bad.word;
        EXPECT_FALSE(Reads(block)) << bad.name;
    }
}

TEST(Rows, NullMaskNamesNoMoreThanTheColumns) {
    std::string block = BlockOf(TwoRows());
    FirstRow(&block)[0] |= uint64_t{1} << QueryStats().columns.size();
    EXPECT_FALSE(Reads(block));
}

TEST(Rows, TextWithNulIsRefused) {
    RowBuilder builder = TwoRows();
    builder.SetWord(kQueryText, builder.AddText(std::string_view("a\0b", 3)));
    EXPECT_FALSE(Reads(BlockOf(builder)));
}

TEST(Catalog, FitsItsFrames) {
    for (const Metric& metric : Catalog()) {
        EXPECT_LE(metric.columns.size(), kMaxColumns);
        EXPECT_EQ(FindMetric(metric.id), &metric);
        EXPECT_NE(MetricsOfType(metric.type).size(), 0u);
    }
    EXPECT_EQ(FindMetric(MetricId::kAccounts)->id, MetricId::kAccounts);
    EXPECT_EQ(FindMetric(static_cast<MetricId>(0)), nullptr);
    EXPECT_EQ(FindMetric(static_cast<MetricId>(Catalog().size() + 1)), nullptr);
    EXPECT_TRUE(MetricsOfType("sysstats").empty());
}

}  // namespace
}  // namespace pganalytics::protocol
