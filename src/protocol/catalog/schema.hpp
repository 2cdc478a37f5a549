// Metric catalog: extensions, schemas, pg_stat_statements itself, and metrics of unknown types.
// Only catalog.cpp includes this header.
#pragma once

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

inline constexpr Column kExtensionsColumns[] = {
    kSampledAtColumn, kDatabaseKey,   Label("extname", "name"), Text("version"),
    Text("owner"),    Text("schema"), Flag("relocatable"),      Text("description"),
};

inline constexpr Column kSchemaObjectsColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    {"kind", "", ColumnType::kText, ColumnRole::kIdentity, Scope::kInnerMember, true},
    Label("schemaname", "schema"),
    Label("relname", "table"),
    Label("name"),
    Label("attname", "column"),
    Label("referenced_relname", "referenced_table"),
    Label("referenced_attname", "referenced_column"),
    Json("definition", "", Content::kSql),
};

inline constexpr Column kStatementsInfoColumns[] = {
    kSampledAtColumn, Integer("statements"),  Integer("max_statements", "max"),
    Count("dealloc"), Instant("stats_reset"),
};

inline constexpr Column kUnknownColumns[] = {
    kSampledAtColumn,
    Text("type"),
    Json("metric", "", Content::kAnything),
};

inline constexpr Metric kSchemaMetrics[] = {
    {"pg_extensions", "extension_samples", "databases.*.extensions[]", kExtensionsColumns,
     MetricId::kExtensions, Keep::kChanges, Family::kMetrics},
    {"pg_schema", "schema_samples", "databases.*.*[]", kSchemaObjectsColumns,
     MetricId::kSchemaObjects, Keep::kChanges, Family::kMetrics},
    {"pg_stat_statements_info", "statements_info_samples", "", kStatementsInfoColumns,
     MetricId::kStatementsInfo, Keep::kAll, Family::kMetrics},
    {"", "unknown_metric_samples", "", kUnknownColumns, MetricId::kUnknown, Keep::kAll,
     Family::kMetrics},
};

}  // namespace pganalytics::protocol
