// Metric catalog: query statistics. Only catalog.cpp includes this header.
#pragma once

#include <iterator>

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

// kQueryStatsColumns are the columns of query statistics. If `rebased` is true, the difference
// between this row and the previous sample is no activity. Only the differences of later samples
// count again. A collector sends such a row when its limit moves a query into or out of the `other`
// row, which sums up the queries beyond the limit.
//
// The SQL names are those of pg_stat_statements in PostgreSQL 17. The JSON keys are those of v3
// collectors. A value that v3 collectors do not send has its SQL name as its key.
inline constexpr Column kQueryStatsColumns[] = {
    kSampledAtColumn,
    kDatabaseField,
    {"username", "user", ColumnType::kText, ColumnRole::kIdentity, Scope::kRow, false},
    {"queryid", "hash", ColumnType::kInt8, ColumnRole::kIdentity, Scope::kRow, true},
    {"toplevel", "toplevel", ColumnType::kBool, ColumnRole::kIdentity, Scope::kRow, false},
    {"query", "text", ColumnType::kText, ColumnRole::kText, Scope::kRow, false, Content::kSql},
    {"stats_since", "stats_since", ColumnType::kTimestamp, ColumnRole::kStatsSince, Scope::kRow,
     false},
    Flag("rebased"),
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

inline constexpr Metric kQueriesMetrics[] = {
    {"pg_query_stats", "query_samples", "queries[]", kQueryStatsColumns, MetricId::kQueryStats,
     Keep::kAll, Family::kQuerySamples},
};

// kAccountsColumns are a gateway's counts of the rows of a push, by database; no JSON contains
// them.
inline constexpr Column kAccountsColumns[] = {
    {"database", "", ColumnType::kText, ColumnRole::kDatabase, Scope::kRow, true},
    {"observed", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
    {"unchanged", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
    {"merged", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
    {"beyond_limit", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
    {"discarded_too_large", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
    {"queries", "", ColumnType::kInt8, ColumnRole::kValue, Scope::kRow, true},
};
inline constexpr Metric kAccountsMetric = {
    "", "push_accounts", "", kAccountsColumns, MetricId::kAccounts, Keep::kAll, Family::kMetrics};

}  // namespace pganalytics::protocol
