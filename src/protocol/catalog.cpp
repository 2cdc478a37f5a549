#include "protocol/catalog.hpp"

namespace pganalytics::protocol {
namespace {

constexpr Column Count(std::string_view name, std::string_view key) {
    return {name, key, ColumnType::kInt8, ColumnRole::kCounter, Scope::kRow, false};
}
constexpr Column Count(std::string_view name) { return Count(name, name); }
constexpr Column Millis(std::string_view name, std::string_view key) {
    return {name, key, ColumnType::kFloat8, ColumnRole::kCounter, Scope::kRow, false};
}
constexpr Column Millis(std::string_view name) { return Millis(name, name); }

// The names are those of pg_stat_statements in PostgreSQL 17; the keys are those that v3
// collectors send, where they send the value at all.
constexpr Column kQueryStatsColumns[] = {
    {"sampled_at", "timestamp", ColumnType::kTimestamp, ColumnRole::kTime, Scope::kMetric, true},
    {"database", "database", ColumnType::kText, ColumnRole::kIdentity, Scope::kMetric, true},
    {"username", "user", ColumnType::kText, ColumnRole::kIdentity, Scope::kRow, false},
    {"queryid", "hash", ColumnType::kInt8, ColumnRole::kIdentity, Scope::kRow, true},
    {"toplevel", "toplevel", ColumnType::kBool, ColumnRole::kIdentity, Scope::kRow, false},
    {"query", "text", ColumnType::kText, ColumnRole::kText, Scope::kRow, false},
    {"stats_since", "stats_since", ColumnType::kTimestamp, ColumnRole::kStatsSince, Scope::kRow,
     false},
    Count("calls"),
    Count("plans"),
    Count("rows"),
    Millis("total_exec_time", "total_time"),
    Millis("total_plan_time"),
    Millis("min_exec_time", "min_time"),
    Millis("max_exec_time", "max_time"),
    Millis("mean_exec_time", "mean_time"),
    Millis("stddev_exec_time", "stddev_time"),
    Count("shared_blks_hit"),
    Count("shared_blks_read"),
    Count("shared_blks_dirtied"),
    Count("shared_blks_written"),
    Count("local_blks_hit"),
    Count("local_blks_read"),
    Count("local_blks_dirtied"),
    Count("local_blks_written"),
    Count("temp_blks_read"),
    Count("temp_blks_written"),
    Millis("shared_blk_read_time", "blk_read_time"),
    Millis("shared_blk_write_time", "blk_write_time"),
    Millis("local_blk_read_time"),
    Millis("local_blk_write_time"),
    Millis("temp_blk_read_time"),
    Millis("temp_blk_write_time"),
    Count("wal_records"),
    Count("wal_fpi"),
    Count("wal_bytes"),
};
static_assert(std::size(kQueryStatsColumns) <= kMaxColumns);
static_assert(kQueryStatsColumns[kFirstCounter].name == "calls");

constexpr Metric kCatalog[] = {
    {MetricId::kQueryStats, "pg_query_stats", "query_samples", "queries", kQueryStatsColumns},
};

}  // namespace

std::span<const Metric> Catalog() { return kCatalog; }

const Metric* FindMetric(std::string_view type) {
    for (const Metric& metric : kCatalog) {
        if (metric.type == type) return &metric;
    }
    return nullptr;
}

const Metric* FindMetric(MetricId id) {
    for (const Metric& metric : kCatalog) {
        if (metric.id == id) return &metric;
    }
    return nullptr;
}

}  // namespace pganalytics::protocol
