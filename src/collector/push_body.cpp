// Writes push bodies by the metric catalog.
#include "collector/push_body.hpp"

#include <libdeflate.h>

#include <bit>
#include <cmath>
#include <memory>
#include <new>

#include "core/text.hpp"

namespace pganalytics::collector {
namespace {

using protocol::ColumnType;

// The path of the catalog without its "[]".
constexpr std::string_view kRowsKey = "queries";

const protocol::Metric& QueryStats() {
    return *protocol::FindMetric(protocol::MetricId::kQueryStats);
}

void WriteHead(const PushHead& head, JsonWriter* json) {
    json->BeginObject();
    json->Key("collector_id");
    json->String(head.collector_id);
    json->Key("hostname");
    json->String(head.hostname);
}

void WriteTail(const PushHead& head, int64_t metrics, uint32_t server_version,
               core::TimestampMicros now, JsonWriter* json) {
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

void WriteCounter(const protocol::Column& column, uint64_t word, JsonWriter* json) {
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

void WriteRow(const Snapshot& snapshot, const Plan& plan, const PlannedRow& row, JsonWriter* json) {
    const auto columns = QueryStats().columns;
    const Statement& statement = snapshot.statements[row.statement];
    json->BeginObject();
    json->Key(columns[protocol::kQueryId].json_key);
    json->Int(statement.key.queryid);
    json->Key(columns[protocol::kUserName].json_key);
    json->String(snapshot.names[statement.user]);
    if (snapshot.has_toplevel) {
        json->Key(columns[protocol::kTopLevel].json_key);
        json->Bool(statement.key.toplevel);
    }
    if (row.text >= 0) {
        json->Key(columns[protocol::kQueryText].json_key);
        json->String(plan.texts[static_cast<size_t>(row.text)]);
    }
    if (row.stats_since) {
        json->Key(columns[protocol::kStatsSince].json_key);
        json->String(core::FormatTimestamp(*row.stats_since));
    }
    const uint64_t* counters = snapshot.CountersOf(row.statement);
    for (size_t i = 0; i < Snapshot::Stride(); ++i) {
        WriteCounter(columns[i + protocol::kFirstCounter], counters[i], json);
    }
    json->EndObject();
}

}  // namespace

void WritePushBody(const PushHead& head, const Snapshot& snapshot, const Plan& plan,
                   JsonWriter* json) {
    const protocol::Metric& metric = QueryStats();
    json->Clear();
    WriteHead(head, json);
    json->Key("metrics");
    json->BeginArray();
    int64_t metrics = 0;
    auto row = plan.rows.begin();
    for (uint32_t database = 0; database < snapshot.names.size(); ++database) {
        auto of_database = [&](const PlannedRow& candidate) {
            return snapshot.statements[candidate.statement].database == database;
        };
        const bool has_rows = row != plan.rows.end() && of_database(*row);
        if (!has_rows && plan.unchanged[database] == 0) continue;
        ++metrics;
        json->BeginObject();
        json->Key("type");
        json->String(metric.type);
        json->Key(metric.columns[protocol::kDatabase].json_key);
        json->String(snapshot.names[database]);
        json->Key(metric.columns[protocol::kSampledAt].json_key);
        json->String(core::FormatTimestamp(snapshot.sampled_at));
        json->Key(kRowsKey);
        json->BeginArray();
        for (; row != plan.rows.end() && of_database(*row); ++row) {
            WriteRow(snapshot, plan, *row, json);
        }
        json->EndArray();
        json->Key("unchanged");
        json->Int(static_cast<int64_t>(plan.unchanged[database]));
        json->EndObject();
    }
    json->EndArray();
    WriteTail(head, metrics, snapshot.server_version, snapshot.sampled_at, json);
}

void WriteEmptyBody(const PushHead& head, uint32_t server_version, core::TimestampMicros now,
                    JsonWriter* json) {
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
