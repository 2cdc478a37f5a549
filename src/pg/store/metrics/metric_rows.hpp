// Metric rows: the rows that the pushes of a group bring of one metric, on their way into its
// table.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

struct MetricRow {
    PushJob* job;
    const protocol::RowBlock* block;
    protocol::Row row;
    TimestampTz at;
    int64 content_hash;  // where each is stored once
    uint32 account;      // place among the job's
    int32 series_id;
    bool kept;  // it is to be stored; otherwise it is unchanged

    int32 server_id() const { return job->server_id; }
    int32 database_id() const { return job->database_ids[account]; }
};

// MetricRows are in the order of the jobs: by server, then push key.
struct MetricRows {
    const protocol::Metric* metric;
    MetricRow* list;
    uint32 count;
};

// LockServers makes other workers wait that store rows of this metric and one of these servers, in
// the order of the servers so that two workers never wait in a circle, until the end of the
// transaction. Takes the rows for which wanted(row) is true. ERROR 55P03 after lock_timeout.
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
