// Metric rows: the rows that the pushes of a group bring for one metric, before they are inserted.
#pragma once

#include "pg/store/metrics/push_job.hpp"
#include "pg/store/metrics/work_locks.hpp"

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

// WorkClassOf returns the class of a metric's locks. REQUIRES: its rows are not stored at every
// sample (Keep::kOnce or kChanges).
WorkClass WorkClassOf(const protocol::Metric& metric);

// LockServers locks the metric of each server with a row for which wanted(row) is true, until the
// transaction ends. Meanwhile other workers that store rows of this metric and server wait. ERROR
// 55P03 after half a second.
template <typename Wanted>
void LockServers(const MetricRows& rows, Wanted&& wanted) {
    auto* const servers = static_cast<uint64*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(rows.count, 1u)));
    int count = 0;
    for (uint32 i = 0; i < rows.count; ++i) {
        const auto server_id = static_cast<uint64>(rows.list[i].server_id());
        if (!wanted(rows.list[i]) || (count > 0 && servers[count - 1] == server_id)) continue;
        servers[count++] = server_id;
    }
    LockWork(WorkClassOf(*rows.metric), servers, count);
    pfree(servers);
}

}  // namespace pganalytics::pg
