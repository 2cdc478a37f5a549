// Metric catalog: databases, tables and indexes. Only catalog.cpp includes this header.
#pragma once

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

inline constexpr Column kDatabaseStatsColumns[] = {
    kSampledAtColumn,
    kDatabaseField,
    Integer("size_bytes"),
    Count("xact_commit", "transactions_committed"),
    Count("xact_rollback", "transactions_rolledback"),
    Count("tup_returned", "tuples_returned"),
    Count("tup_fetched", "tuples_fetched"),
    Count("tup_inserted", "tuples_inserted"),
    Count("tup_updated", "tuples_updated"),
    Count("tup_deleted", "tuples_deleted"),
};

inline constexpr Column kTableStatsColumns[] = {
    kSampledAtColumn,
    kDatabaseField,
    Label("schemaname", "schema"),
    Label("relname", "name"),
    Integer("n_live_tup", "live_tuples"),
    Integer("n_dead_tup", "dead_tuples"),
    Integer("n_mod_since_analyze", "modified_since_analyze"),
    Integer("size_bytes"),
    Instant("last_vacuum"),
    Instant("last_autovacuum"),
    Instant("last_analyze"),
    Instant("last_autoanalyze"),
    Count("vacuum_count"),
    Count("autovacuum_count"),
};

inline constexpr Column kIndexStatsColumns[] = {
    kSampledAtColumn,
    kDatabaseField,
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Label("indexrelname", "name"),
    Count("idx_scan", "scans"),
    Count("idx_tup_read", "tuples_read"),
    Count("idx_tup_fetch", "tuples_returned"),
    Integer("size_bytes"),
    Text("status"),
};

inline constexpr Column kTableBloatColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Integer("n_dead_tup", "dead_tuples"),
    Integer("n_live_tup", "live_tuples"),
    Number("dead_ratio_percent"),
    Text("table_size"),
    Number("space_wasted_percent"),
    Instant("last_vacuum"),
    Instant("last_autovacuum"),
    Count("vacuum_count"),
    Count("autovacuum_count"),
};

inline constexpr Column kIndexBloatColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Label("indexrelname", "index_name"),
    Count("idx_scan", "scans"),
    Count("idx_tup_read", "tuples_read"),
    Count("idx_tup_fetch", "tuples_fetched"),
    Text("index_size"),
    Text("usage_status"),
    Text("recommendation"),
};

inline constexpr Column kTableCacheColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Count("heap_blks_hit"),
    Count("heap_blks_read"),
    Count("total_heap_blks"),
    Number("heap_cache_hit_ratio"),
    Count("idx_blks_hit"),
    Count("idx_blks_read"),
    Count("total_idx_blks"),
    Number("idx_cache_hit_ratio"),
    Count("toast_blks_hit"),
    Count("toast_blks_read"),
    Count("tidx_blks_hit"),
    Count("tidx_blks_read"),
};

inline constexpr Column kIndexCacheColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Label("indexrelname", "index"),
    Count("idx_blks_hit", "blks_hit"),
    Count("idx_blks_read", "blks_read"),
    Count("total_blks"),
    Number("cache_hit_ratio"),
};

inline constexpr Metric kDatabasesMetrics[] = {
    {"pg_stats", "database_samples", "", kDatabaseStatsColumns, MetricId::kDatabaseStats,
     Keep::kAll, Family::kMetrics},
    {"pg_stats", "table_samples", "tables[]", kTableStatsColumns, MetricId::kTableStats, Keep::kAll,
     Family::kMetrics},
    {"pg_stats", "index_samples", "indexes[]", kIndexStatsColumns, MetricId::kIndexStats,
     Keep::kAll, Family::kMetrics},
    {"pg_bloat", "table_bloat_samples", "databases.*.table_bloat[]", kTableBloatColumns,
     MetricId::kTableBloat, Keep::kAll, Family::kMetrics},
    {"pg_bloat", "index_bloat_samples", "databases.*.index_bloat[]", kIndexBloatColumns,
     MetricId::kIndexBloat, Keep::kAll, Family::kMetrics},
    {"pg_cache", "table_cache_samples", "databases.*.table_cache_hit[]", kTableCacheColumns,
     MetricId::kTableCache, Keep::kAll, Family::kMetrics},
    {"pg_cache", "index_cache_samples", "databases.*.index_cache_hit[]", kIndexCacheColumns,
     MetricId::kIndexCache, Keep::kAll, Family::kMetrics},
};

}  // namespace pganalytics::protocol
