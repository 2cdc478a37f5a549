// Metric catalog: locks, connections and open transactions. Only catalog.cpp includes this header.
#pragma once

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

inline constexpr Column kLocksColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Integer("pid"),
    Integer("usesysid"),
    Text("username"),
    Text("locktype"),
    Text("mode"),
    Flag("granted"),
    Integer("database_oid", "database"),
    Integer("relation_oid", "relation"),
    Integer("page"),
    Integer("tuple"),
    Text("virtualxid"),
    Integer("transactionid"),
    Integer("classid"),
    Integer("objid"),
    Integer("objsubid"),
    Number("lock_age_seconds"),
    Text("state"),
    Sql("query"),
};

inline constexpr Column kLockWaitsColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Integer("blocked_pid"),
    Text("blocked_user"),
    Text("blocked_application"),
    Sql("blocked_query"),
    Integer("blocking_pid"),
    Text("blocking_user"),
    Text("blocking_application"),
    Sql("blocking_query"),
    Number("wait_time_seconds"),
};

// kIdleSessionColumns describe a session of pg_stat_activity that waits for its client.
inline constexpr Column kIdleSessionColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Integer("pid"),
    Text("datname", "database"),
    Text("username"),
    Text("application_name"),
    Text("client_address"),
    Text("state"),
    Sql("query"),
    Instant("query_start"),
    Instant("state_change"),
    Number("duration_seconds"),
    Instant("backend_start"),
    Number("idle_time_seconds"),
};

// kSessionColumns describe a session without the time that it has waited; several lists of
// sessions have them.
inline constexpr std::span<const Column> kSessionColumns =
    std::span(kIdleSessionColumns).first(std::size(kIdleSessionColumns) - 1);

inline constexpr Column kConnectionsColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Label("datname", "database"),
    Label("state"),
    Integer("count"),
    Number("max_age_seconds"),
    Number("min_age_seconds"),
};

inline constexpr Column kConnectionTotalsColumns[] = {
    kSampledAtColumn,
    kDatabaseKey,
    Integer("total_connections"),
};

inline constexpr Metric kActivityMetrics[] = {
    {"pg_locks", "lock_samples", "databases.*.active_locks[]", kLocksColumns, MetricId::kLocks,
     Keep::kAll, Family::kMetrics},
    {"pg_locks", "lock_wait_samples", "databases.*.lock_wait_chains[]", kLockWaitsColumns,
     MetricId::kLockWaits, Keep::kAll, Family::kMetrics},
    {"pg_locks", "blocking_query_samples", "databases.*.blocking_queries[]", kSessionColumns,
     MetricId::kBlockingQueries, Keep::kAll, Family::kMetrics},
    {"pg_connections", "connection_samples", "databases.*.connection_stats.by_state[]",
     kConnectionsColumns, MetricId::kConnections, Keep::kAll, Family::kMetrics},
    {"pg_connections", "connection_total_samples", "databases.*.connection_stats",
     kConnectionTotalsColumns, MetricId::kConnectionTotals, Keep::kAll, Family::kMetrics},
    {"pg_connections", "long_transaction_samples", "databases.*.long_running_transactions[]",
     kSessionColumns, MetricId::kLongTransactions, Keep::kAll, Family::kMetrics},
    {"pg_connections", "idle_transaction_samples", "databases.*.idle_transactions[]",
     kIdleSessionColumns, MetricId::kIdleTransactions, Keep::kAll, Family::kMetrics},
};

}  // namespace pganalytics::protocol
