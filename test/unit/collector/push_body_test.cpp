// Tests of the push body, which another JSON parser reads back.
#include "collector/push/push_body.hpp"

#include <cJSON.h>
#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <limits>
#include <memory>

#include "snapshots.hpp"

namespace pganalytics::collector {
namespace {

using Json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

const PushHead kHead{"01234567-89ab-cdef-0123-456789abcdef", "db1", "prod-1"};
// 2026-11-22 08:54:22.5 UTC
constexpr core::TimestampMicros kTime = 848652862500000;

class PushBody : public testing::Test {
  protected:
    // Write writes the push of a first snapshot, as text and as a parsed tree.
    void Write(const Snapshot& snapshot, const Texts& texts = {}) {
        plan_ = tracker_.Observe(snapshot, {0, false}, {});
        tracker_.AttachTexts(texts, &plan_);
        WritePushBody(kHead, tracker_.snapshot(), plan_, &json_);
        tree_.reset(cJSON_Parse(json_.text().c_str()));
        ASSERT_NE(tree_, nullptr) << json_.text();
    }

    cJSON* Metric(int index) {
        return cJSON_GetArrayItem(cJSON_GetObjectItem(tree_.get(), "metrics"), index);
    }
    cJSON* Row(int metric, int index) {
        return cJSON_GetArrayItem(cJSON_GetObjectItem(Metric(metric), "queries"), index);
    }
    static std::string Text(cJSON* object, const char* key) {
        const char* text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
        return text == nullptr ? "(none)" : text;
    }
    static double Number(cJSON* object, const char* key) {
        return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));
    }

    Tracker tracker_;
    Plan plan_;
    core::JsonWriter json_;
    Json tree_{nullptr, &cJSON_Delete};
};

TEST_F(PushBody, HasTheHeadOfTheProtocol) {
    Write(SnapshotBuilder(kTime).Add(1, 1, 1).Build());
    EXPECT_EQ(Text(tree_.get(), "collector_id"), kHead.collector_id);
    EXPECT_EQ(Text(tree_.get(), "hostname"), "db1");
    EXPECT_EQ(Text(tree_.get(), "timestamp"), "2026-11-22T08:54:22.500000Z");
    EXPECT_EQ(Text(tree_.get(), "version"), PGANALYTICS_VERSION);
    EXPECT_EQ(Number(tree_.get(), "metrics_count"), 2);  // the 2nd: pg_stat_statements itself
    cJSON* server = cJSON_GetObjectItem(tree_.get(), "server");
    EXPECT_EQ(Text(server, "name"), "prod-1");
    EXPECT_EQ(Number(server, "version_num"), 150004);
}

TEST_F(PushBody, OneMetricPerDatabase) {
    Write(SnapshotBuilder(kTime).Add(1, 1, 1).Add(2, 1, 1, "logbook").Add(3, 1, 1).Build());
    EXPECT_EQ(Number(tree_.get(), "metrics_count"), 3);
    EXPECT_EQ(Text(Metric(0), "type"), "pg_query_stats");
    EXPECT_EQ(Text(Metric(0), "database"), "shop");
    EXPECT_EQ(Text(Metric(0), "timestamp"), "2026-11-22T08:54:22.500000Z");
    EXPECT_EQ(cJSON_GetArraySize(cJSON_GetObjectItem(Metric(0), "queries")), 2);
    EXPECT_EQ(Text(Metric(1), "database"), "logbook");
    EXPECT_EQ(Number(Row(1, 0), "hash"), 2);
}

TEST_F(PushBody, NumbersAreExactAndZerosAbsent) {
    Write(SnapshotBuilder(kTime)
              .Add(-4964652447414782437, INT64_MAX, 0.1)
              .Set("min_exec_time", std::bit_cast<uint64_t>(5e-324))
              .Set("max_exec_time", std::bit_cast<uint64_t>(-0.0))
              .Set("stddev_exec_time",
                   std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN()))
              .Build());
    // cJSON holds doubles, so the integers are looked up in the text.
    EXPECT_NE(json_.text().find("\"hash\":-4964652447414782437,"), std::string::npos);
    EXPECT_NE(json_.text().find("\"calls\":9223372036854775807,"), std::string::npos);
    EXPECT_EQ(Number(Row(0, 0), "total_time"), 0.1);
    EXPECT_EQ(Number(Row(0, 0), "min_time"), 5e-324);
    // The row has hash, user, toplevel, calls, total_time, min_time and nothing else.
    EXPECT_EQ(cJSON_GetArraySize(Row(0, 0)), 6) << json_.text();
}

TEST_F(PushBody, EveryCounterHasItsKey) {
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    SnapshotBuilder builder(kTime);
    builder.Add(1, 1, 1);
    for (size_t i = protocol::kFirstCounter; i < columns.size(); ++i) {
        const bool is_float = columns[i].type == protocol::ColumnType::kFloat8;
        const double value = 0.5 + static_cast<double>(i);
        builder.Set(columns[i].name, is_float ? std::bit_cast<uint64_t>(value) : i);
    }
    Write(builder.Build());
    for (size_t i = protocol::kFirstCounter; i < columns.size(); ++i) {
        const bool is_float = columns[i].type == protocol::ColumnType::kFloat8;
        EXPECT_EQ(Number(Row(0, 0), std::string(columns[i].json_key).c_str()),
                  static_cast<double>(i) + (is_float ? 0.5 : 0))
            << columns[i].json_key;
    }
}

TEST_F(PushBody, TextsComeBackWhole) {
    const Snapshot snapshot = SnapshotBuilder(kTime).Add(1, 1, 1).Add(2, 1, 1).Build();
    const std::string text = "SELECT \"a\\b\"\n\tFROM \"\xC3\xBC\" -- \x01";
    Write(snapshot, {{snapshot.statements[0].key, text}, {snapshot.statements[1].key, "x\xFFy"}});
    EXPECT_EQ(Text(Row(0, 0), "text"), text);
    EXPECT_EQ(Text(Row(0, 0), "user"), "app");
    EXPECT_TRUE(cJSON_IsTrue(cJSON_GetObjectItem(Row(0, 0), "toplevel")));
    EXPECT_EQ(Text(Row(0, 1), "text"), "x\xEF\xBF\xBDy");
}

TEST_F(PushBody, UnchangedStatementsAreCountedPerDatabase) {
    const Snapshot first =
        SnapshotBuilder(kTime).Add(1, 1, 1).Add(2, 1, 1).Add(3, 1, 1, "logbook").Build();
    Texts texts;
    for (const Statement& statement : first.statements) texts.emplace(statement.key, "SELECT");
    Write(first, texts);
    Plan plan = tracker_.Observe(SnapshotBuilder(kTime + 7)
                                     .Add(1, 1, 1)
                                     .Add(2, 2, 1)
                                     .Add(3, 1, 1, "logbook")
                                     .Add(4, 1, 1, "shop")
                                     .Build(),
                                 {1, false}, {});
    WritePushBody(kHead, tracker_.snapshot(), plan, &json_);
    tree_.reset(cJSON_Parse(json_.text().c_str()));
    EXPECT_EQ(Number(Metric(0), "unchanged"), 1);
    EXPECT_EQ(Number(Row(0, 0), "hash"), 2);
    EXPECT_EQ(Text(Row(0, 0), "stats_since"), "(none)");
    EXPECT_EQ(Text(Row(0, 1), "stats_since"), "2026-11-22T08:54:22.500000Z");
    EXPECT_EQ(Text(Metric(1), "database"), "logbook");
    EXPECT_EQ(Number(Metric(1), "unchanged"), 1);
    EXPECT_EQ(cJSON_GetArraySize(cJSON_GetObjectItem(Metric(1), "queries")), 0);
}

TEST_F(PushBody, InfoHasWhatTheServerSays) {
    Snapshot snapshot = SnapshotBuilder(kTime).Build();
    snapshot.info = {4321, 5000, 17, kTime - 1000000};
    Write(snapshot);
    ASSERT_EQ(Number(tree_.get(), "metrics_count"), 1);
    EXPECT_EQ(Text(Metric(0), "type"), "pg_stat_statements_info");
    EXPECT_EQ(Text(Metric(0), "timestamp"), "2026-11-22T08:54:22.500000Z");
    EXPECT_EQ(Number(Metric(0), "statements"), 4321);
    EXPECT_EQ(Number(Metric(0), "max"), 5000);
    EXPECT_EQ(Number(Metric(0), "dealloc"), 17);
    EXPECT_EQ(Text(Metric(0), "stats_reset"), "2026-11-22T08:54:21.500000Z");
    snapshot.info = {4321, {}, {}, {}};
    Write(snapshot);
    EXPECT_EQ(cJSON_GetArraySize(Metric(0)), 3) << json_.text();  // type, timestamp, statements
}

TEST_F(PushBody, BasesStandInMetricsOfTheirOwnTime) {
    // The limiter keeps 1 and 2; 3 and 4 count in `other`.
    Limiter limiter(2);
    const auto first =
        SnapshotBuilder(kTime).Add(1, 90, 90).Add(2, 80, 80).Add(3, 7, 7).Add(4, 3, 3).Build();
    Plan plan = tracker_.Observe(limiter.Observe(first), {0, false}, {});
    WritePushBody(kHead, tracker_.snapshot(), plan, &json_);
    tree_.reset(cJSON_Parse(json_.text().c_str()));
    ASSERT_EQ(Number(tree_.get(), "metrics_count"), 2);
    EXPECT_EQ(Number(Metric(0), "merged"), 1);
    ASSERT_EQ(cJSON_GetArraySize(cJSON_GetObjectItem(Metric(0), "queries")), 3);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(cJSON_IsTrue(cJSON_GetObjectItem(Row(0, i), "rebased"))) << i;
    }
    EXPECT_EQ(Number(Row(0, 2), "hash"), 0);
    EXPECT_EQ(Text(Row(0, 2), "user"), "");
    EXPECT_TRUE(cJSON_IsTrue(cJSON_GetObjectItem(Row(0, 2), "toplevel")));
    EXPECT_EQ(cJSON_GetObjectItem(Row(0, 2), "text"), nullptr);
    EXPECT_EQ(Number(Row(0, 2), "calls"), 10);

    // 3 takes the place of 2: the first metric ends the old series, the second one holds the new
    // bases.
    const auto second = SnapshotBuilder(kTime + 60000000)
                            .Add(1, 91, 90)
                            .Add(2, 80, 80)
                            .Add(3, 900, 900)
                            .Add(4, 4, 3)
                            .Build();
    plan = tracker_.Observe(limiter.Observe(second), {1, false}, {});
    WritePushBody(kHead, tracker_.snapshot(), plan, &json_);
    tree_.reset(cJSON_Parse(json_.text().c_str()));
    ASSERT_EQ(Number(tree_.get(), "metrics_count"), 3);
    EXPECT_EQ(Text(Metric(0), "timestamp"), "2026-11-22T08:55:22.500000Z");
    EXPECT_EQ(Number(Metric(0), "merged"), 1);
    EXPECT_EQ(Number(Metric(0), "unchanged"), 0);  // 2 has not changed but must bring its text
    EXPECT_EQ(Text(Metric(1), "timestamp"), "2026-11-22T08:55:22.500001Z");
    EXPECT_EQ(cJSON_GetObjectItem(Metric(1), "merged"), nullptr);
    EXPECT_EQ(cJSON_GetObjectItem(Metric(1), "unchanged"), nullptr);
    ASSERT_EQ(cJSON_GetArraySize(cJSON_GetObjectItem(Metric(1), "queries")), 2);
    EXPECT_EQ(Number(Row(0, 2), "calls"), 904);
    EXPECT_EQ(cJSON_GetObjectItem(Row(0, 2), "rebased"), nullptr);
    EXPECT_EQ(Number(Row(1, 0), "calls") + Number(Row(1, 1), "calls"), 84 + 900);
    EXPECT_TRUE(cJSON_IsTrue(cJSON_GetObjectItem(Row(1, 0), "rebased")));
}

TEST_F(PushBody, ToplevelIsLeftOutWhereTheSourceHasNone) {
    Snapshot snapshot = SnapshotBuilder(kTime).Add(1, 1, 1).Build();
    snapshot.has_toplevel = false;
    Write(snapshot);
    EXPECT_EQ(cJSON_GetObjectItem(Row(0, 0), "toplevel"), nullptr);
}

TEST_F(PushBody, EmptyBodyHasNoMetrics) {
    WriteEmptyBody(kHead, 0, kTime, &json_);
    tree_.reset(cJSON_Parse(json_.text().c_str()));
    EXPECT_EQ(cJSON_GetArraySize(cJSON_GetObjectItem(tree_.get(), "metrics")), 0);
    EXPECT_EQ(Number(tree_.get(), "metrics_count"), 0);
}

TEST(Gzip, IsReadBackWhole) {
    const std::string text(100000, 'x');
    const std::string compressed = Gzip(text);
    EXPECT_LT(compressed.size(), 2000u);
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
        decompressor(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    std::string out(text.size(), '\0');
    size_t size = 0;
    ASSERT_EQ(libdeflate_gzip_decompress(decompressor.get(), compressed.data(), compressed.size(),
                                         out.data(), out.size(), &size),
              LIBDEFLATE_SUCCESS);
    EXPECT_EQ(out, text);
}

}  // namespace
}  // namespace pganalytics::collector
