// Metric catalog: the host and its log. Only catalog.cpp includes this header.
#pragma once

#include "protocol/catalog/columns.hpp"

namespace pganalytics::protocol {

inline constexpr Column kHostStatsColumns[] = {
    kSampledAtColumn,
    Number("cpu_user_percent", "cpu.user"),
    Number("cpu_system_percent", "cpu.system"),
    Number("cpu_idle_percent", "cpu.idle"),
    Number("cpu_iowait_percent", "cpu.iowait"),
    Number("load_1m", "cpu.load_1m"),
    Number("load_5m", "cpu.load_5m"),
    Number("load_15m", "cpu.load_15m"),
    Number("memory_total_mb", "memory.total_mb"),
    Number("memory_free_mb", "memory.free_mb"),
    Number("memory_cached_mb", "memory.cached_mb"),
    Number("memory_used_mb", "memory.used_mb"),
};

inline constexpr Column kDiskIoColumns[] = {
    kSampledAtColumn,   Label("device"),       Count("read_ops"),
    Count("write_ops"), Count("read_sectors"), Count("write_sectors"),
};

inline constexpr Column kDiskUsageColumns[] = {
    kSampledAtColumn,  Label("device"),   Label("mount"),         Number("total_gb"),
    Number("used_gb"), Number("free_gb"), Number("percent_used"),
};

inline constexpr Column kLogColumns[] = {
    kSampledAtColumn,
    kDatabaseField,
    Text("level"),
    Message("message"),
    Instant("reported_at", "timestamp"),
};

inline constexpr Metric kHostMetrics[] = {
    {"sysstat", "host_samples", "", kHostStatsColumns, MetricId::kHostStats, Keep::kAll,
     Family::kMetrics},
    {"sysstat", "disk_io_samples", "disk_io[]", kDiskIoColumns, MetricId::kDiskIo, Keep::kAll,
     Family::kMetrics},
    {"disk_usage", "filesystem_samples", "filesystems[]", kDiskUsageColumns, MetricId::kDiskUsage,
     Keep::kAll, Family::kMetrics},
    {"pg_log", "log_lines", "entries[]", kLogColumns, MetricId::kLog, Keep::kOnce, Family::kLogs},
};

}  // namespace pganalytics::protocol
