// Tests of decoding by the catalog: each kind of path, and which deviations are accepted.
#include <gtest/gtest.h>

#include "core/text.hpp"
#include "samples.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::MetricId;
using protocol::RowBuilder;

constexpr std::string_view kTime = R"("timestamp":"2026-11-22T08:54:22Z")";

// Metric writes an object whose time and type come after its other fields.
std::string Metric(const std::string& type, const std::string& fields) {
    return "{" + fields + (fields.empty() ? "" : ",") + std::string(kTime) + R"(,"type":")" + type +
           "\"}";
}

std::string InDatabase(const std::string& type, const std::string& fields) {
    return Metric(type, R"("databases":{"app":{)" + fields + "}}");
}

uint32_t ColumnOf(const RowBuilder& block, std::string_view name) {
    const auto columns = block.metric().columns;
    for (uint32_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name == name) return i;
    }
    ADD_FAILURE() << name;
    return 0;
}

// Value returns a cell as text, NULL as "-".
std::string Value(const RowBuilder& block, uint32_t row, std::string_view name) {
    const uint32_t column = ColumnOf(block, name);
    const protocol::Row cells = block.At(row);
    if (cells.IsNull(column)) return "-";
    switch (block.metric().columns[column].type) {
        case protocol::ColumnType::kInt8:
        case protocol::ColumnType::kBool:
        case protocol::ColumnType::kLsn:
            return std::to_string(cells.Int8(column));
        case protocol::ColumnType::kFloat8: {
            std::string text = std::to_string(cells.Float8(column));
            return text.substr(0, text.find_last_not_of('0') + 1);
        }
        case protocol::ColumnType::kTimestamp:
            return core::FormatTimestamp(cells.Int8(column));
        case protocol::ColumnType::kText:
        case protocol::ColumnType::kJson:
            return std::string(block.Text(cells.Word(column)));
    }
    return "";
}

class Metrics : public testing::Test {
  protected:
    void Read(const std::string& metrics, const std::string& more = "") {
        const auto push = DecodeText(Document(metrics, more));
        ASSERT_TRUE(push.ok()) << push.error().message;
        push_ = std::move(*push);
    }
    uint32_t Rows(MetricId id) const {
        const RowBuilder* block = BlockOf(push_, id);
        return block == nullptr ? 0 : block->rows();
    }
    std::string At(MetricId id, std::string_view column, uint32_t row = 0) const {
        return row < Rows(id) ? Value(*BlockOf(push_, id), row, column) : "no row";
    }
    // Accounts returns "database observed unchanged merged beyond too_large queries" of each row of
    // accounts.
    std::string Accounts() const {
        std::string all;
        const RowBuilder& block = push_.blocks.back();
        for (uint32_t i = 0; i < block.rows(); ++i) {
            for (const auto& column : block.metric().columns) {
                all += Value(block, i, column.name) + " ";
            }
            all.back() = ';';
        }
        return all;
    }
    DecodedPush push_;
};

TEST_F(Metrics, RowsOfTheMetricItselfAndOfItsArrays) {
    Read(Metric("pg_stats",
                R"("database":"app","indexes":[{"name":"i","table":"t","schema":"s","scans":3}],)"
                R"("size_bytes":7,"tables":[{"name":"t","schema":"s","live_tuples":0,)"
                R"("last_vacuum":"2026-11-22 08:53:55.5+00","last_analyze":""},{"name":"u"}],)"
                R"("tuples_deleted":9)") +
         "," + Metric("pg_stats", R"("database":"b","size_bytes":8)"));
    EXPECT_EQ(Rows(MetricId::kDatabaseStats), 2u);
    EXPECT_EQ(At(MetricId::kDatabaseStats, "database"), "app");
    EXPECT_EQ(At(MetricId::kDatabaseStats, "size_bytes"), "7");
    EXPECT_EQ(At(MetricId::kDatabaseStats, "tup_deleted"), "9");
    EXPECT_EQ(At(MetricId::kDatabaseStats, "database", 1), "b");
    EXPECT_EQ(At(MetricId::kDatabaseStats, "tup_deleted", 1), "-");
    EXPECT_EQ(Rows(MetricId::kTableStats), 2u);
    EXPECT_EQ(At(MetricId::kTableStats, "sampled_at", 1), "2026-11-22T08:54:22Z");
    EXPECT_EQ(At(MetricId::kTableStats, "database", 1), "app");
    EXPECT_EQ(At(MetricId::kTableStats, "relname", 1), "u");
    EXPECT_EQ(At(MetricId::kTableStats, "schemaname", 1), "-");
    EXPECT_EQ(At(MetricId::kTableStats, "n_live_tup"), "0");
    EXPECT_EQ(At(MetricId::kTableStats, "last_vacuum"), "2026-11-22T08:53:55.500000Z");
    EXPECT_EQ(At(MetricId::kTableStats, "last_analyze"), "-");
    EXPECT_EQ(At(MetricId::kIndexStats, "idx_scan"), "3");
    EXPECT_EQ(push_.observed, 5u);
    EXPECT_EQ(push_.unstored, "");
    EXPECT_EQ(Accounts(), " 0 0 0 0 0 0;app 4 0 0 0 0 0;b 1 0 0 0 0 0;");
}

TEST_F(Metrics, FieldsOneObjectDeeper) {
    Read(Metric("sysstat", R"("cpu":{"user":1.5,"load_1m":"2.5"},"disk_io":[{"device":"vda",)"
                           R"("read_ops":5}],"memory":{"total_mb":24105})"));
    EXPECT_EQ(At(MetricId::kHostStats, "cpu_user_percent"), "1.5");
    EXPECT_EQ(At(MetricId::kHostStats, "load_1m"), "2.5");
    EXPECT_EQ(At(MetricId::kHostStats, "memory_total_mb"), "24105.");
    EXPECT_EQ(At(MetricId::kHostStats, "cpu_idle_percent"), "-");
    EXPECT_EQ(At(MetricId::kDiskIo, "device"), "vda");
    EXPECT_EQ(Accounts(), " 2 0 0 0 0 0;");
}

TEST_F(Metrics, RowsOfMembersGetTheirNames) {
    Read(Metric("pg_connections",
                R"("databases":{"a":{"connection_stats":{"by_state":[{"state":"idle","count":2},)"
                R"({"state":"active","database":"x"}],"total_connections":4}},)"
                R"("b\u00e9":{"connection_stats":{"total_connections":5},)"
                R"("idle_transactions":[{"pid":1}]}})"));
    EXPECT_EQ(Rows(MetricId::kConnections), 2u);
    EXPECT_EQ(At(MetricId::kConnections, "count"), "2");
    EXPECT_EQ(At(MetricId::kConnections, "database", 1), "a");
    EXPECT_EQ(At(MetricId::kConnections, "datname", 1), "x");
    EXPECT_EQ(At(MetricId::kConnectionTotals, "total_connections"), "4");
    EXPECT_EQ(At(MetricId::kConnectionTotals, "database", 1), "b\u00e9");
    EXPECT_EQ(At(MetricId::kIdleTransactions, "database"), "b\u00e9");
    EXPECT_EQ(Accounts(), " 0 0 0 0 0 0;a 3 0 0 0 0 0;b\u00e9 2 0 0 0 0 0;");
}

TEST_F(Metrics, AnObjectOfItsOwnIsARow) {
    Read(Metric("pg_replication",
                R"("replication_slots":[{"slot_name":"s","restart_lsn":"16/B374D848",)"
                R"("confirmed_flush_lsn":"","active":true}],"wal_status":{"total_segments":3})"));
    EXPECT_EQ(At(MetricId::kWalStatus, "total_segments"), "3");
    EXPECT_EQ(At(MetricId::kReplicationSlots, "restart_lsn"), std::to_string(0x16B374D848));
    EXPECT_EQ(At(MetricId::kReplicationSlots, "confirmed_flush_lsn"), "-");
    EXPECT_EQ(At(MetricId::kReplicationSlots, "active"), "1");
    EXPECT_EQ(push_.unstored, "");
}

TEST_F(Metrics, WholeRowsAreKeptAsTheyCame) {
    Read(Metric("pg_replication",
                R"("logical_subscriptions":[{"name" : "x" , "n":[1, 2.50]} ,"a\n\u00e9" , -1.5e3)"
                R"( , null,true,[] ,{}],"collection_errors":[ [ 1 ] ])"));
    const char* expected[] = {R"({"name" : "x" , "n":[1, 2.50]})",
                              R"("a\n\u00e9")",
                              "-1.5e3",
                              "null",
                              "true",
                              "[]",
                              "{}"};
    ASSERT_EQ(Rows(MetricId::kSubscriptions), std::size(expected));
    for (uint32_t i = 0; i < std::size(expected); ++i) {
        EXPECT_EQ(At(MetricId::kSubscriptions, "subscription", i), expected[i]);
    }
    EXPECT_EQ(At(MetricId::kCollectionErrors, "error"), "[ 1 ]");
    EXPECT_EQ(push_.unstored, "");
}

TEST_F(Metrics, WholeRowsHaveLabelsToo) {
    Read(InDatabase("pg_schema",
                    R"("columns":[{"data_type":"integer","name":"id","schema":"s","table":"t"}],)"
                    R"("new_kind":[{"name":"n"} ])"));
    ASSERT_EQ(Rows(MetricId::kSchemaObjects), 2u);
    EXPECT_EQ(At(MetricId::kSchemaObjects, "kind"), "columns");
    EXPECT_EQ(At(MetricId::kSchemaObjects, "database"), "app");
    EXPECT_EQ(At(MetricId::kSchemaObjects, "relname"), "t");
    EXPECT_EQ(At(MetricId::kSchemaObjects, "definition"),
              R"({"data_type":"integer","name":"id","schema":"s","table":"t"})");
    EXPECT_EQ(At(MetricId::kSchemaObjects, "kind", 1), "new_kind");
    EXPECT_EQ(At(MetricId::kSchemaObjects, "definition", 1), R"({"name":"n"})");
    EXPECT_EQ(push_.unstored, "");
}

TEST_F(Metrics, EqualTextsShareTheirBytes) {
    const std::string query(3000, 'q');
    const std::string lock = R"({"query":")" + query + R"("})";
    Read(InDatabase("pg_locks", R"("active_locks":[)" + lock + "," + lock + "," +
                                    R"({"query":""},{"query":"x"},{"query":"y"}])"));
    const RowBuilder& block = *BlockOf(push_, MetricId::kLocks);
    const uint32_t column = ColumnOf(block, "query");
    EXPECT_EQ(block.At(0).Word(column), block.At(1).Word(column));
    EXPECT_EQ(Value(block, 1, "query"), query);
    EXPECT_EQ(Value(block, 2, "query"), "");
    EXPECT_EQ(Value(block, 4, "query"), "y");
    EXPECT_LT(block.heap_bytes(), 3100u);
}

TEST_F(Metrics, NumbersWrittenOtherwiseAreTaken) {
    const std::string table =
        R"({"live_tuples":5.0,"dead_tuples":"5","size_bytes":"5.0",)"
        R"("modified_since_analyze":5e0,"vacuum_count":"9223372036854775807",)"
        R"("autovacuum_count":-0.0})";
    Read(Metric("pg_stats", R"("database":"a","tables":[)" + table + "]") + "," +
         Metric("disk_usage", R"("filesystems":[{"total_gb":"1.5e1","used_gb":7}])"));
    for (const char* name : {"n_live_tup", "n_dead_tup", "size_bytes", "n_mod_since_analyze"}) {
        EXPECT_EQ(At(MetricId::kTableStats, name), "5") << name;
    }
    EXPECT_EQ(At(MetricId::kTableStats, "vacuum_count"), "9223372036854775807");
    EXPECT_EQ(At(MetricId::kTableStats, "autovacuum_count"), "-");
    EXPECT_EQ(At(MetricId::kDiskUsage, "total_gb"), "15.");
    EXPECT_EQ(At(MetricId::kDiskUsage, "used_gb"), "7.");
    EXPECT_EQ(push_.unstored, "");
}

TEST_F(Metrics, NullIsAbsent) {
    Read(Metric("pg_stats", R"("database":"a","tables":null,"indexes":[{"scans":null,"name":null,)"
                            R"("size_bytes":1}],"size_bytes":null)"));
    EXPECT_EQ(At(MetricId::kIndexStats, "idx_scan"), "-");
    EXPECT_EQ(At(MetricId::kIndexStats, "indexrelname"), "-");
    EXPECT_EQ(At(MetricId::kIndexStats, "size_bytes"), "1");
    EXPECT_EQ(push_.unstored, "");
}

struct Misfit {
    std::string type;
    std::string rows;  // members of the metric, or of one of its "databases"
    std::string unstored;
};

// A value that its column cannot hold is left out and counted, and the row is stored all the same.
TEST_F(Metrics, WhatDoesNotFitIsCounted) {
    for (const Misfit& misfit : std::vector<Misfit>{
             {"pg_stats", R"("tables":[{"live_tuples":true,"vacuum_count":1}])",
              "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":1.5}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":"x"}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":""}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":"+5"}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":"5 "}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":9223372036854775808}])",
              "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":1e19}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"live_tuples":[1,{"a":2}]}])", "tables.live_tuples"},
             {"pg_stats", R"("tables":[{"vacuum_count":-1}])", "tables.vacuum_count"},
             {"pg_stats", R"("tables":[{"vacuum_count":"-1"}])", "tables.vacuum_count"},
             {"pg_stats", R"("tables":[{"last_vacuum":"yesterday"}])", "tables.last_vacuum"},
             {"pg_stats", R"("tables":[{"last_vacuum":"a\u0000"}])", "tables.last_vacuum"},
             {"pg_stats", R"("tables":[{"last_vacuum":5}])", "tables.last_vacuum"},
             {"pg_stats", R"("tables":[{"name":5}])", "tables.name"},
             {"pg_stats", R"("tables":[{"name":"a","name":"b"}])", "tables.name"},
             {"pg_stats", R"("tables":[{"name":"a","extra":"b"}])", "tables.extra"},
             {"disk_usage", R"("filesystems":[{"total_gb":1e999}])", "filesystems.total_gb"},
             {"disk_usage", R"("filesystems":[{"total_gb":"NaN"}])", "filesystems.total_gb"},
             {"pg_replication", R"("replication_slots":[{"active":"t"}])",
              "replication_slots.active"},
             {"pg_replication", R"("replication_slots":[{"restart_lsn":"16"}])",
              "replication_slots.restart_lsn"},
             {"pg_replication", R"("replication_slots":[{"restart_lsn":"1/123456789"}])",
              "replication_slots.restart_lsn"},
             {"pg_replication", R"("replication_slots":[{"restart_lsn":"-1/0"}])",
              "replication_slots.restart_lsn"},
             {"pg_log", R"("entries":[{"message":["a"]}])", "entries.message"},
         }) {
        Read(Metric(misfit.type, R"("database":"a",)" + misfit.rows));
        const std::string database = misfit.type == "pg_stats" || misfit.type == "pg_log"
                                         ? ""
                                         : "\"" + misfit.type + R"(.database":1,)";
        EXPECT_EQ(push_.unstored, R"({"fields":{)" + database + "\"" + misfit.type + "." +
                                      misfit.unstored + "\":1}}")
            << misfit.rows;
        EXPECT_EQ(push_.observed, 1u) << misfit.rows;
        EXPECT_EQ(push_.blocks[0].rows(), 1u) << misfit.rows;
    }
}

// If something other than rows stands at their place, the whole value is counted.
TEST_F(Metrics, OtherShapesAreCounted) {
    for (const auto& [metric, path] : std::vector<std::pair<std::string, std::string>>{
             {Metric("disk_usage", R"("filesystems":{"a":[1]})"), "disk_usage.filesystems"},
             {Metric("disk_usage", R"("filesystems":[5])"), "disk_usage.filesystems"},
             {Metric("disk_usage", R"("filesystems":[{}])"), "disk_usage.filesystems"},
             {Metric("sysstat", R"("cpu":"busy")"), "sysstat.cpu"},
             {Metric("pg_replication", R"("wal_status":[{}])"), "pg_replication.wal_status"},
             {Metric("pg_locks", R"("databases":[])"), "pg_locks.databases"},
             {Metric("pg_locks", R"("databases":{"a":"off"})"), "pg_locks.databases.*"},
             {Metric("pg_schema", R"("databases":{"a":{"tables":{"t":1}}})"),
              "pg_schema.databases.*.*"},
             {InDatabase("pg_locks", R"("more":[])"), "pg_locks.databases.*.more"},
             {InDatabase("pg_locks", R"("active_locks":[[1]])"),
              "pg_locks.databases.*.active_locks"},
         }) {
        Read(metric);
        EXPECT_EQ(push_.unstored, R"({"fields":{")" + path + R"(":1}})") << metric;
        EXPECT_EQ(push_.observed, 0u) << metric;
    }
}

TEST_F(Metrics, RowsThatBringNothingAreNone) {
    Read(Metric("sysstat", R"("cpu":{},"disk_io":[])") + "," + Metric("pg_stats", "") + "," +
         Metric("pg_replication", R"("wal_status":{})"));
    EXPECT_EQ(push_.observed, 0u);
    EXPECT_EQ(push_.blocks.size(), 1u);
    EXPECT_EQ(push_.unstored, "");
}

TEST_F(Metrics, LabelsOfTheSenderAreIgnored) {
    Read(Metric("pg_extensions",
                R"("collector_id":"c-1","hostname":[1],"databases":{"a":{"extensions":[)"
                R"({"name":"x","hostname":"h"}]}})"));
    EXPECT_EQ(push_.unstored, R"({"fields":{"pg_extensions.databases.*.extensions.hostname":1}})");
}

TEST_F(Metrics, LongLabelsAreCutAtACharacter) {
    const std::string label = std::string(999, 'x') + "\u00e9";
    Read(Metric("disk_usage", R"("filesystems":[{"device":")" + label + R"(","mount":")" +
                                  std::string(1000, 'm') + R"("}])"));
    EXPECT_EQ(At(MetricId::kDiskUsage, "device"), std::string(999, 'x'));
    EXPECT_EQ(At(MetricId::kDiskUsage, "mount"), std::string(1000, 'm'));
    EXPECT_EQ(push_.unstored, R"({"fields":{"disk_usage.filesystems.device":1}})");
    Read(Metric("pg_schema", R"("databases":{"a":{")" + label + R"(":[{}]}})"));
    EXPECT_EQ(At(MetricId::kSchemaObjects, "kind"), std::string(999, 'x'));
    EXPECT_EQ(push_.unstored, R"({"fields":{"pg_schema.databases.*":1}})");
}

TEST_F(Metrics, AMetricWithoutATimeHasThatOfThePush) {
    const std::string push_time = R"(,"timestamp":"2026-11-22T09:00:00+00")";
    for (const char* time : {"", R"(,"timestamp":null)", R"(,"timestamp":"")"}) {
        Read(R"({"type":"sysstat","cpu":{"user":1})" + std::string(time) + "}," +
                 Metric("sysstat", R"("cpu":{"user":2})"),
             push_time);
        EXPECT_EQ(At(MetricId::kHostStats, "sampled_at"), "2026-11-22T09:00:00Z");
        EXPECT_EQ(At(MetricId::kHostStats, "sampled_at", 1), "2026-11-22T08:54:22Z");
        EXPECT_EQ(push_.unstored, "");
    }
    Read(R"({"type":"sysstat","cpu":{"user":1},"timestamp":"now"})", push_time);
    EXPECT_EQ(At(MetricId::kHostStats, "sampled_at"), "2026-11-22T09:00:00Z");
    EXPECT_EQ(push_.unstored, R"({"fields":{"sysstat.timestamp":1}})");
}

TEST_F(Metrics, UnknownTypesAreKeptAsTheyCame) {
    Read(R"({"a" : [1,{"b":"\u00e9"}],"timestamp":"2026-11-22T08:54:22Z" , "type":"pg_new"} ,)"
         R"({"type":"pg_new"},{"type":"","timestamp":7},{"timestamp":"x","type":"z"})",
         R"(,"timestamp":"2026-11-22T09:00:00Z")");
    ASSERT_EQ(Rows(MetricId::kUnknown), 4u);
    EXPECT_EQ(At(MetricId::kUnknown, "type"), "pg_new");
    EXPECT_EQ(At(MetricId::kUnknown, "metric"),
              R"({"a" : [1,{"b":"\u00e9"}],"timestamp":"2026-11-22T08:54:22Z" , "type":"pg_new"})");
    EXPECT_EQ(At(MetricId::kUnknown, "sampled_at"), "2026-11-22T08:54:22Z");
    for (uint32_t row = 1; row < 4; ++row) {
        EXPECT_EQ(At(MetricId::kUnknown, "sampled_at", row), "2026-11-22T09:00:00Z");
    }
    EXPECT_EQ(At(MetricId::kUnknown, "type", 2), "");
    EXPECT_EQ(push_.unstored, "");
    EXPECT_EQ(Accounts(), " 4 0 0 0 0 0;");
}

TEST_F(Metrics, LargeUnknownMetricsAreCounted) {
    auto unknown = [](size_t size) {
        std::string metric = R"({"timestamp":"2026-11-22T08:54:22Z","type":"n","x":""})";
        return metric.insert(metric.size() - 2, std::string(size - metric.size(), 'x'));
    };
    Read(unknown(65536) + "," + unknown(65537) + "," + unknown(100));
    EXPECT_EQ(Rows(MetricId::kUnknown), 2u);
    EXPECT_EQ(push_.too_large, 1u);
    EXPECT_EQ(push_.observed, 3u);
    EXPECT_EQ(push_.unstored, R"({"types":{"n":1}})");
    EXPECT_EQ(Accounts(), " 3 0 0 0 1 0;");
    // A push may bring 1 MiB of unknown metrics.
    std::string metrics = unknown(65536);
    for (int i = 1; i < 17; ++i) metrics += "," + unknown(65536);
    Read(metrics);
    EXPECT_EQ(Rows(MetricId::kUnknown), 16u);
    EXPECT_EQ(push_.too_large, 1u);
    EXPECT_EQ(push_.observed, 17u);
}

struct Refused {
    std::string json;
    int status;
    std::string path;
};

TEST_F(Metrics, WhatIsRefusedEverywhere) {
    const std::string nul = R"("a\u0000b")";
    for (const Refused& bad : std::vector<Refused>{
             {Metric("pg_log", R"("database":"a","entries":[{"message":)" + nul + "}]"), 422,
              "metrics[0].entries[0].message"},
             {Metric("disk_usage", R"("filesystems":[{},{"device":)" + nul + "}]"), 422,
              "metrics[0].filesystems[1].device"},
             {Metric("pg_locks", R"("databases":{)" + nul + ":{}}"), 422, "metrics[0].databases.*"},
             {Metric("pg_locks", R"("databases":{")" + std::string(256, 'd') + R"(":{}})"), 422,
              "metrics[0].databases.*"},
             {InDatabase("pg_schema", nul + ":[]"), 422, "metrics[0].databases.*.*"},
             {InDatabase("pg_schema", R"("tables":[{"x":)" + nul + "}]"), 422,
              "metrics[0].databases.*.*[0]"},
             {Metric("pg_replication", R"("collection_errors":[)" + nul + "]"), 422,
              "metrics[0].collection_errors[0]"},
             {Metric("new", R"("x":{"y":)" + nul + "}"), 422, "metrics[0]"},
             {Metric("pg_stats", R"("size_bytes":1)"), 422, "metrics[0].database"},
             {Metric("pg_stats", R"("database":5)"), 422, "metrics[0].database"},
             {Metric("pg_stats", R"("database":")" + std::string(256, 'd') + "\""), 422,
              "metrics[0].database"},
             {R"({"type":"sysstat","cpu":{"user":1}})", 422, "metrics[0].timestamp"},
             {R"({"type":"new"})", 422, "metrics[0].timestamp"},
             {Metric("sysstat", R"("cpu":{"user":1},"type":"sysstat")"), 422, "metrics[0].type"},
             {Metric("new", R"("type":"new")"), 422, "metrics[0].type"},
             {Metric("sysstat", R"("cpu":{"user":01})"), 400, "metrics[0].cpu.user"},
             {Metric("sysstat", R"("cpu":{"user":tru})"), 400, "metrics[0].cpu.user"},
             {Metric("sysstat", R"("cpu":{"user":"\x"})"), 400, "metrics[0].cpu.user"},
             {Metric("sysstat", R"("cpu":nul)"), 400, "metrics[0].cpu"},
             {Metric("pg_log", R"("database":"a","entries":[{"message":1.}])"), 400,
              "metrics[0].entries[0].message"},
             {Metric("pg_log", R"("database":"a","entries":[1,])"), 400, "metrics[0].entries[1]"},
             {Metric("pg_replication", R"("collection_errors":[-])"), 400,
              "metrics[0].collection_errors[0]"},
             {Metric("pg_replication", R"("collection_errors":[{"a":[}]])"), 400,
              "metrics[0].collection_errors[0]"},
             {InDatabase("pg_schema", R"("tables":[{"name":"a" "b"}])"), 400,
              "metrics[0].databases.*.*[0]"},
         }) {
        const auto push = DecodeText(Document(bad.json));
        ASSERT_FALSE(push.ok()) << bad.json;
        EXPECT_EQ(push.error().status, bad.status) << push.error().message;
        EXPECT_EQ(push.error().path, bad.path) << push.error().message;
    }
}

TEST_F(Metrics, EscapedBackslashBeforeU0000IsNoNul) {
    Read(Metric("new", R"("x":"\\u0000")"));
    EXPECT_EQ(Rows(MetricId::kUnknown), 1u);
}

}  // namespace
}  // namespace pganalytics::ingest
