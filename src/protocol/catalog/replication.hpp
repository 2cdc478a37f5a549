// Metric catalog: replication and the write-ahead log. Only catalog.cpp includes this header.
#pragma once

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

inline constexpr Column kReplicationSlotsColumns[] = {
    kSampledAtColumn,          Label("slot_name"),
    Text("slot_type"),         Flag("active"),
    Lsn("restart_lsn"),        Lsn("confirmed_flush_lsn"),
    Number("wal_retained_mb"), Flag("plugin_active"),
    Integer("backend_pid"),    Integer("bytes_retained"),
};

inline constexpr Column kReplicationStatusColumns[] = {
    kSampledAtColumn,         Label("application_name"),
    Label("client_addr"),     Integer("pid", "server_pid"),
    Text("usename"),          Text("state"),
    Text("sync_state"),       Lsn("write_lsn"),
    Lsn("flush_lsn"),         Lsn("replay_lsn"),
    Number("write_lag_ms"),   Number("flush_lag_ms"),
    Number("replay_lag_ms"),  Number("behind_by_mb"),
    Instant("backend_start"),
};

inline constexpr Column kWalStatusColumns[] = {
    kSampledAtColumn,
    Integer("total_segments"),
    Number("current_wal_size_mb"),
    Number("wal_directory_size_mb"),
    Integer("segments_since_checkpoint"),
    Number("growth_rate_mb_per_hour"),
};

inline constexpr Column kWraparoundColumns[] = {
    kSampledAtColumn,       Label("datname", "database"),     Integer("relfrozenxid"),
    Integer("current_xid"), Integer("xid_until_wraparound"),  Number("percent_until_wraparound"),
    Flag("at_risk"),        Integer("tables_needing_vacuum"), Integer("oldest_table_age"),
};

inline constexpr Column kSubscriptionsColumns[] = {
    kSampledAtColumn,
    Json("subscription", "", Content::kAnything),
};

inline constexpr Column kCollectionErrorsColumns[] = {
    kSampledAtColumn,
    Json("error", "", Content::kMessage),
};

inline constexpr Metric kReplicationMetrics[] = {
    {"pg_replication", "replication_slot_samples", "replication_slots[]", kReplicationSlotsColumns,
     MetricId::kReplicationSlots, Keep::kAll, Family::kMetrics},
    {"pg_replication", "replication_samples", "replication_status[]", kReplicationStatusColumns,
     MetricId::kReplicationStatus, Keep::kAll, Family::kMetrics},
    {"pg_replication", "wal_samples", "wal_status", kWalStatusColumns, MetricId::kWalStatus,
     Keep::kAll, Family::kMetrics},
    {"pg_replication", "wraparound_samples", "wraparound_risk[]", kWraparoundColumns,
     MetricId::kWraparound, Keep::kAll, Family::kMetrics},
    {"pg_replication", "subscription_samples", "logical_subscriptions[]", kSubscriptionsColumns,
     MetricId::kSubscriptions, Keep::kAll, Family::kMetrics},
    {"pg_replication", "collection_error_samples", "collection_errors[]", kCollectionErrorsColumns,
     MetricId::kCollectionErrors, Keep::kAll, Family::kMetrics},
};

}  // namespace pganalytics::protocol
