// Tests of the SQL for each version of pg_stat_statements.
#include "collector/sources/statements_query.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pganalytics::collector {
namespace {

bool Reads(StatementsVersion version, const std::string& column) {
    return MakeCountersQuery(version, "public").sql.find(" s." + column + "::") !=
           std::string::npos;
}

TEST(ParseStatementsVersion, ComparesNumbersAndRefusesTheOld) {
    ASSERT_TRUE(ParseStatementsVersion("1.10").ok());
    EXPECT_GT(*ParseStatementsVersion("1.10"), *ParseStatementsVersion("1.9"));
    EXPECT_TRUE(ParseStatementsVersion("2.0").ok());
    for (const char* old : {"1.7", "1", "", "x"}) {
        const auto version = ParseStatementsVersion(old);
        ASSERT_FALSE(version.ok()) << old;
        EXPECT_NE(version.error().message.find("ALTER EXTENSION pg_stat_statements UPDATE"),
                  std::string::npos);
    }
}

TEST(MakeCountersQuery, KnowsTheColumnsOfEachVersion) {
    EXPECT_TRUE(Reads({1, 8}, "blk_read_time"));
    EXPECT_FALSE(Reads({1, 8}, "shared_blk_read_time"));
    EXPECT_FALSE(Reads({1, 9}, "temp_blk_read_time"));
    EXPECT_TRUE(Reads({1, 10}, "temp_blk_read_time"));
    EXPECT_TRUE(Reads({1, 10}, "blk_write_time"));
    EXPECT_FALSE(Reads({1, 10}, "local_blk_read_time"));
    EXPECT_TRUE(Reads({1, 11}, "shared_blk_write_time"));
    EXPECT_FALSE(Reads({1, 11}, "blk_write_time"));
    EXPECT_TRUE(Reads({1, 12}, "local_blk_write_time"));
    EXPECT_FALSE(Reads({1, 12}, "mean_exec_time"));
}

TEST(MakeCountersQuery, HasToplevelFromOneNineOn) {
    EXPECT_EQ(MakeCountersQuery({1, 8}, "public").sql.find("s.toplevel"), std::string::npos);
    EXPECT_NE(MakeCountersQuery({1, 9}, "public").sql.find("s.toplevel"), std::string::npos);
    EXPECT_EQ(MakeTextsQuery({1, 8}, "public").find("s.toplevel"), std::string::npos);
    EXPECT_NE(MakeTextsQuery({1, 9}, "public").find("s.toplevel"), std::string::npos);
}

TEST(MakeCountersQuery, NamesTheColumnOfEachField) {
    const CountersQuery query = MakeCountersQuery({1, 8}, "\"Odd Schema\"");
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    // 1.8 lacks two local and two temp times; mean is never read.
    EXPECT_EQ(query.columns.size(), columns.size() - protocol::kFirstCounter - 5);
    EXPECT_EQ(columns[query.columns.front()].name, "calls");
    EXPECT_NE(query.sql.find("\"Odd Schema\".pg_stat_statements(false)"), std::string::npos);
}

TEST(MakeInfoQuery, AsksTheViewFromOneNineOn) {
    EXPECT_EQ(MakeInfoQuery({1, 8}, "public").find("pg_stat_statements_info"), std::string::npos);
    EXPECT_NE(
        MakeInfoQuery({1, 9}, "\"Odd Schema\"").find("\"Odd Schema\".pg_stat_statements_info()"),
        std::string::npos);
}

TEST(QueryIdArray, SpellsTheExtremes) {
    EXPECT_EQ(QueryIdArray({}), "{}");
    EXPECT_EQ(QueryIdArray(std::vector<int64_t>{INT64_MIN, -1, INT64_MAX}),
              "{-9223372036854775808,-1,9223372036854775807}");
}

}  // namespace
}  // namespace pganalytics::collector
