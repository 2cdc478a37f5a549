// Tests of accounts: only accounts that agree with the rows of their push are accepted.
#include "protocol/accounts.hpp"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "protocol/row_builder.hpp"

namespace pganalytics::protocol {
namespace {

struct Line {
    std::string_view database;
    int64_t observed, unchanged, merged, beyond_limit, too_large, queries;
};

RowBuilder AccountsOf(std::initializer_list<Line> lines) {
    RowBuilder builder(*FindMetric(MetricId::kAccounts));
    for (const Line& line : lines) {
        builder.StartRow();
        builder.SetWord(kAccountDatabase, builder.AddText(line.database));
        builder.SetInt8(kAccountObserved, line.observed);
        builder.SetInt8(kAccountUnchanged, line.unchanged);
        builder.SetInt8(kAccountMerged, line.merged);
        builder.SetInt8(kAccountBeyondLimit, line.beyond_limit);
        builder.SetInt8(kAccountTooLarge, line.too_large);
        builder.SetInt8(kAccountQueries, line.queries);
    }
    return builder;
}

// RowsOf makes a row of a metric for each database named; "" for a metric that belongs to no
// database.
RowBuilder RowsOf(MetricId id, std::initializer_list<std::string_view> databases) {
    const Metric& metric = *FindMetric(id);
    RowBuilder builder(metric);
    for (const std::string_view database : databases) {
        builder.StartRow();
        for (uint32_t i = 0; i < metric.columns.size(); ++i) {
            if (metric.columns[i].role == ColumnRole::kDatabase) {
                builder.SetWord(i, builder.AddText(database));
            } else if (metric.columns[i].required) {
                builder.SetInt8(i, 1);
            }
        }
    }
    return builder;
}

// PushOf is a push as a worker holds it: decoded blocks in memory of their exact size.
class PushOf {
  public:
    PushOf(Push push, std::vector<RowBuilder> builders) : push_(push) {
        std::string bytes;
        for (const RowBuilder& builder : builders) builder.AppendTo(&bytes);
        words_.resize(bytes.size() / 8);
        std::memcpy(words_.data(), bytes.data(), bytes.size());
        core::ByteReader reader(reinterpret_cast<const char*>(words_.data()), bytes.size());
        blocks_.resize(builders.size());
        const char* why = nullptr;
        for (RowBlock& block : blocks_) EXPECT_TRUE(DecodeBlock(&reader, &block, &why)) << why;
        accounts_.resize(100);
    }

    bool Checks() {
        return CheckAccounts(push_, blocks_.data(), static_cast<uint32_t>(blocks_.size()),
                             accounts_.data(), &why_);
    }
    const Account& account(size_t i) const { return accounts_[i]; }
    std::string_view why() const { return why_; }

  private:
    Push push_;
    std::vector<uint64_t> words_;
    std::vector<RowBlock> blocks_;
    std::vector<Account> accounts_;
    const char* why_ = "";
};

Push Totals(uint64_t observed, uint64_t unchanged, uint64_t merged, uint64_t too_large) {
    Push push;
    push.observed = observed;
    push.unchanged = unchanged;
    push.merged = merged;
    push.too_large = too_large;
    return push;
}

// Good has queries of two databases, one of them merged, and a row that belongs to no database.
PushOf Good() {
    return PushOf(
        Totals(19, 5, 7, 1),
        {RowsOf(MetricId::kQueryStats, {"app", "app", "shop"}), RowsOf(MetricId::kHostStats, {""}),
         RowsOf(MetricId::kLog, {"app", "shop"}),
         AccountsOf(
             {{"shop", 9, 0, 7, 6, 0, 8}, {"app", 9, 5, 0, 0, 1, 7}, {"", 1, 0, 0, 0, 0, 0}})});
}

TEST(Accounts, AreReadInTheOrderOfTheNames) {
    PushOf push = Good();
    ASSERT_TRUE(push.Checks()) << push.why();
    EXPECT_EQ(push.account(0).database, "");
    EXPECT_EQ(push.account(0).rows, 1u);
    EXPECT_EQ(push.account(1).database, "app");
    EXPECT_EQ(push.account(1).observed, 9u);
    EXPECT_EQ(push.account(1).unchanged, 5u);
    EXPECT_EQ(push.account(1).too_large, 1u);
    EXPECT_EQ(push.account(1).rows, 3u);
    EXPECT_EQ(push.account(1).samples, 2u);
    EXPECT_EQ(push.account(2).database, "shop");
    EXPECT_EQ(push.account(2).merged, 7u);
    EXPECT_EQ(push.account(2).beyond_limit, 6u);
    EXPECT_EQ(push.account(2).queries, 8u);
}

TEST(Accounts, OfNothingMayBeMissing) {
    EXPECT_TRUE(PushOf(Totals(0, 0, 0, 0), {}).Checks());
    EXPECT_TRUE(PushOf(Totals(0, 0, 0, 0), {AccountsOf({})}).Checks());
    EXPECT_TRUE(PushOf(Totals(0, 0, 0, 0), {AccountsOf({{"app", 0, 0, 0, 0, 0, 0}})}).Checks());
    PushOf push(Totals(1, 1, 0, 0), {});
    EXPECT_FALSE(push.Checks());
    EXPECT_EQ(push.why(), "push without accounts");
}

TEST(Accounts, TwoBlocksOfAMetricAreRefused) {
    PushOf rows(Totals(2, 0, 0, 0),
                {RowsOf(MetricId::kHostStats, {""}), RowsOf(MetricId::kHostStats, {""}),
                 AccountsOf({{"", 2, 0, 0, 0, 0, 0}})});
    EXPECT_FALSE(rows.Checks());
    EXPECT_EQ(rows.why(), "push with two blocks of a metric");
    EXPECT_FALSE(PushOf(Totals(0, 0, 0, 0), {AccountsOf({}), AccountsOf({})}).Checks());
}

TEST(Accounts, TwoOfADatabaseAreRefused) {
    EXPECT_FALSE(PushOf(Totals(2, 2, 0, 0),
                        {AccountsOf({{"app", 1, 1, 0, 0, 0, 0}, {"app", 1, 1, 0, 0, 0, 0}})})
                     .Checks());
}

TEST(Accounts, EachRowNeedsOne) {
    const auto rows = RowsOf(MetricId::kLog, {"app", "shop"});
    EXPECT_TRUE(PushOf(Totals(2, 0, 0, 0),
                       {rows, AccountsOf({{"app", 1, 0, 0, 0, 0, 0}, {"shop", 1, 0, 0, 0, 0, 0}})})
                    .Checks());
    // The total is right but belongs to another database.
    EXPECT_FALSE(
        PushOf(Totals(2, 0, 0, 0), {rows, AccountsOf({{"app", 2, 0, 0, 0, 0, 0}})}).Checks());
    EXPECT_FALSE(PushOf(Totals(2, 0, 0, 0),
                        {rows, AccountsOf({{"app", 2, 0, 0, 0, 0, 0}, {"shop", 0, 0, 0, 0, 0, 0}})})
                     .Checks());
    // Rows that belong to no database need an account too.
    EXPECT_FALSE(PushOf(Totals(1, 0, 0, 0), {RowsOf(MetricId::kHostStats, {""}),
                                             AccountsOf({{"app", 1, 0, 0, 0, 0, 0}})})
                     .Checks());
}

TEST(Accounts, MustAddUp) {
    constexpr int64_t kLarge = INT64_C(1) << 62;
    const std::array<Line, 11> bad = {{
        {"app", 2, 0, 0, 0, 0, 0},    // one row less than observed
        {"app", 1, 1, 0, 0, 0, 0},    // one more
        {"app", 1, 0, 1, 0, 0, 0},    //
        {"app", 1, 0, 0, 0, 1, 0},    //
        {"app", 1, 0, 0, 0, 0, 2},    // more queries than rows
        {"app", 2, 0, 1, 2, 0, 2},    // beyond the limit, but not merged
        {"app", 2, 0, 1, 1, 0, 0},    // beyond the limit, but no query
        {"app", -1, -2, 0, 0, 0, 0},  //
        {"app", 1, 0, 0, 0, 0, -1},   //
        {"app", 1, 0, 0, -1, 0, 0},   //
        {"app", 1 + kLarge, kLarge, 0, 0, 0, 0},
    }};
    for (size_t i = 0; i < bad.size(); ++i) {
        const Line& line = bad[i];
        PushOf push(
            Totals(static_cast<uint64_t>(line.observed), static_cast<uint64_t>(line.unchanged),
                   static_cast<uint64_t>(line.merged), static_cast<uint64_t>(line.too_large)),
            {RowsOf(MetricId::kLog, {"app"}), AccountsOf({line})});
        EXPECT_FALSE(push.Checks()) << i;
        EXPECT_EQ(push.why(), "push whose accounts do not add up") << i;
    }
    // A row of query statistics must be counted as a query.
    EXPECT_FALSE(PushOf(Totals(1, 0, 0, 0), {RowsOf(MetricId::kQueryStats, {"app"}),
                                             AccountsOf({{"app", 1, 0, 0, 0, 0, 0}})})
                     .Checks());
}

TEST(Accounts, MustAddUpToTheTotals) {
    for (const Push& push : {Totals(18, 5, 7, 1), Totals(19, 4, 7, 1), Totals(19, 5, 6, 1),
                             Totals(19, 5, 7, 0), Totals(19, 5, 7, 2)}) {
        PushOf other(
            push,
            {RowsOf(MetricId::kQueryStats, {"app", "app", "shop"}),
             RowsOf(MetricId::kHostStats, {""}), RowsOf(MetricId::kLog, {"app", "shop"}),
             AccountsOf(
                 {{"shop", 9, 0, 7, 6, 0, 8}, {"app", 9, 5, 0, 0, 1, 7}, {"", 1, 0, 0, 0, 0, 0}})});
        EXPECT_FALSE(other.Checks());
    }
}

}  // namespace
}  // namespace pganalytics::protocol
