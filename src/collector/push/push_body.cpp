// Writes push bodies according to the metric catalog.
#include "collector/push/push_body.hpp"

#include <libdeflate.h>

#include <bit>
#include <cmath>
#include <memory>
#include <new>
#include <optional>

#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

using protocol::ColumnType;

// kRowsKey is the key of the rows in a metric: the path in the catalog without its "[]".
constexpr std::string_view kRowsKey = "queries";

const protocol::Metric& QueryStats() {
    return *protocol::FindMetric(protocol::MetricId::kQueryStats);
}

void WriteHead(const PushHead& head, core::JsonWriter* json) {
    json->BeginObject();
    json->Key("collector_id");
    json->String(head.collector_id);
    json->Key("hostname");
    json->String(head.hostname);
}

void WriteTail(const PushHead& head, int64_t metrics, uint32_t server_version,
               core::TimestampMicros now, core::JsonWriter* json) {
    json->Key("metrics_count");
    json->Int(metrics);
    json->Key("server");
    json->BeginObject();
    json->Key("name");
    json->String(head.server_name);
    if (server_version != 0) {
        json->Key("version_num");
        json->Int(server_version);
    }
    json->EndObject();
    json->Key("timestamp");
    json->String(core::FormatTimestamp(now));
    json->Key("version");
    json->String(PGANALYTICS_VERSION);
    json->EndObject();
}

void WriteCounter(const protocol::Column& column, uint64_t word, core::JsonWriter* json) {
    if (column.type == ColumnType::kFloat8) {
        const auto value = std::bit_cast<double>(word);
        if (value == 0 || !std::isfinite(value)) return;
        json->Key(column.json_key);
        json->Double(value);
    } else if (word != 0) {
        json->Key(column.json_key);
        json->Int(static_cast<int64_t>(word));
    }
}

void WriteRow(const Snapshot& snapshot, const Plan& plan, const PlannedRow& row,
              core::JsonWriter* json) {
    const auto columns = QueryStats().columns;
    const Statement& statement = snapshot.statements[row.statement];
    json->BeginObject();
    json->Key(columns[protocol::kQueryId].json_key);
    json->Int(statement.key.queryid);
    json->Key(columns[protocol::kUserName].json_key);
    json->String(snapshot.names[statement.user]);
    if (snapshot.has_toplevel) {
        json->Member(columns[protocol::kTopLevel].json_key, statement.key.toplevel);
    }
    if (row.text >= 0) {
        json->Key(columns[protocol::kQueryText].json_key);
        json->String(plan.texts[static_cast<size_t>(row.text)]);
    }
    if (row.stats_since) {
        json->Key(columns[protocol::kStatsSince].json_key);
        json->String(core::FormatTimestamp(*row.stats_since));
    }
    if (row.base) {
        json->Member(columns[protocol::kRebased].json_key, true);
    }
    const uint64_t* counters =
        row.base ? row.base->counters.data() : snapshot.CountersOf(row.statement);
    for (size_t i = 0; i < Snapshot::Stride(); ++i) {
        WriteCounter(columns[i + protocol::kFirstCounter], counters[i], json);
    }
    json->EndObject();
}

// TimeOf is the time at which the values of a row were sampled.
core::TimestampMicros TimeOf(const Snapshot& snapshot, const PlannedRow& row) {
    return row.base ? row.base->sampled_at : snapshot.sampled_at;
}

// WriteQueries writes one metric with the rows of one database and time. It starts at *row and
// moves *row past these rows.
void WriteQueries(const Snapshot& snapshot, const Plan& plan, uint32_t database,
                  core::TimestampMicros time, std::vector<PlannedRow>::const_iterator* row,
                  core::JsonWriter* json) {
    const protocol::Metric& metric = QueryStats();
    json->BeginObject();
    json->Key("type");
    json->String(metric.type);
    json->Key(metric.columns[protocol::kDatabase].json_key);
    json->String(snapshot.names[database]);
    json->Key(metric.columns[protocol::kSampledAt].json_key);
    json->String(core::FormatTimestamp(time));
    json->Key(kRowsKey);
    json->BeginArray();
    for (; *row != plan.rows.end() && snapshot.statements[(*row)->statement].database == database &&
           TimeOf(snapshot, **row) == time;
         ++*row) {
        WriteRow(snapshot, plan, **row, json);
    }
    json->EndArray();
    if (time == snapshot.sampled_at) {
        json->Key("unchanged");
        json->Int(static_cast<int64_t>(plan.unchanged[database]));
        if (plan.merged[database] > 0) {
            json->Key("merged");
            json->Int(static_cast<int64_t>(plan.merged[database]));
        }
    }
    json->EndObject();
}

void WriteInteger(std::string_view key, std::optional<int64_t> value, core::JsonWriter* json) {
    if (!value) return;
    json->Key(key);
    json->Int(*value);
}

void WriteInfo(const Snapshot& snapshot, core::JsonWriter* json) {
    json->BeginObject();
    json->Key("type");
    json->String(protocol::FindMetric(protocol::MetricId::kStatementsInfo)->type);
    json->Key("timestamp");
    json->String(core::FormatTimestamp(snapshot.sampled_at));
    WriteInteger("statements", static_cast<int64_t>(snapshot.info.statements), json);
    WriteInteger("max", snapshot.info.max, json);
    WriteInteger("dealloc", snapshot.info.dealloc, json);
    if (snapshot.info.stats_reset) {
        json->Key("stats_reset");
        json->String(core::FormatTimestamp(*snapshot.info.stats_reset));
    }
    json->EndObject();
}

}  // namespace

void WritePushBody(const PushHead& head, const Snapshot& snapshot, const Plan& plan,
                   core::JsonWriter* json) {
    json->Clear();
    WriteHead(head, json);
    json->Key("metrics");
    json->BeginArray();
    int64_t metrics = 1;
    auto row = plan.rows.begin();
    for (uint32_t database = 0; database < snapshot.names.size(); ++database) {
        bool counted = plan.unchanged[database] == 0 && plan.merged[database] == 0;
        const auto of_database = [&] {
            return row != plan.rows.end() &&
                   snapshot.statements[row->statement].database == database;
        };
        while (of_database() || !counted) {
            core::TimestampMicros time = snapshot.sampled_at;
            // Write the metrics of a database in the order of time. The metric with the snapshot's
            // time has the counts of unchanged and merged rows, so it is written even if it has no
            // rows.
            if (of_database() && (counted || TimeOf(snapshot, *row) <= time)) {
                time = TimeOf(snapshot, *row);
            }
            counted |= time == snapshot.sampled_at;
            WriteQueries(snapshot, plan, database, time, &row, json);
            ++metrics;
        }
    }
    WriteInfo(snapshot, json);
    json->EndArray();
    WriteTail(head, metrics, snapshot.server_version, snapshot.sampled_at, json);
}

void WriteEmptyBody(const PushHead& head, uint32_t server_version, core::TimestampMicros now,
                    core::JsonWriter* json) {
    json->Clear();
    WriteHead(head, json);
    json->Key("metrics");
    json->BeginArray();
    json->EndArray();
    WriteTail(head, 0, server_version, now, json);
}

std::string Gzip(const std::string& bytes) {
    const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
        libdeflate_alloc_compressor(1), &libdeflate_free_compressor);
    if (!compressor) throw std::bad_alloc();
    std::string compressed(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
    compressed.resize(libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(),
                                               compressed.data(), compressed.size()));
    compressed.shrink_to_fit();
    return compressed;
}

}  // namespace pganalytics::collector
