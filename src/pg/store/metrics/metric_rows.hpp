// Metric rows: the rows that the pushes of a group bring for one metric, before they are inserted.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

struct MetricRow {
    PushJob* job;
    const protocol::RowBlock* block;
    protocol::Row row;
    TimestampTz at;
    int64 content_hash;  // set only for metrics with Keep::kOnce
    uint32 account;      // index into the job's accounts
    int32 series_id;
    bool kept;  // true: to be stored; false: unchanged

    int32 server_id() const { return job->server_id; }
    int32 database_id() const { return job->database_ids[account]; }
};

// MetricRows are in the order of the jobs: by server, then by push key.
struct MetricRows {
    const protocol::Metric* metric;
    MetricRow* list;
    uint32 count;
};

// LockMetric locks one metric of one server until the transaction ends. Meanwhile other workers
// that store rows of this metric and server wait.
// LockServers calls LockMetric for each server with a row for which wanted(row) is true. It locks
// in the order of the servers, so that two workers cannot deadlock.
// Both raise ERROR 55P03 after lock_timeout.
void LockMetric(int32 server_id, const protocol::Metric& metric);
template <typename Wanted>
void LockServers(const MetricRows& rows, Wanted&& wanted) {
    int32 locked = 0;
    for (uint32 i = 0; i < rows.count; ++i) {
        const int32 server_id = rows.list[i].server_id();
        if (server_id == locked || !wanted(rows.list[i])) continue;
        LockMetric(server_id, *rows.metric);
        locked = server_id;
    }
}

}  // namespace pganalytics::pg
