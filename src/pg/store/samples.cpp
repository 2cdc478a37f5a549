#include "pg/store/samples.hpp"

#include "pg/base/guc.hpp"
#include "pg/store/metrics/keep.hpp"
#include "pg/store/metrics/metric_rows.hpp"
#include "pg/store/metrics/metric_series.hpp"
#include "pg/store/metrics/metric_table.hpp"
#include "pg/store/metrics/table_locks.hpp"
#include "pg/store/series.hpp"

namespace pganalytics::pg {
namespace {

using protocol::Keep;
using protocol::Metric;
using protocol::MetricId;
using protocol::RowBlock;

SampleWindow WindowOf(protocol::Family family) {
    int days = settings.retention_metrics_days;
    if (family == protocol::Family::kQuerySamples) days = settings.retention_query_samples_days;
    if (family == protocol::Family::kLogs) days = settings.retention_logs_days;
    const TimestampTz now = GetCurrentTransactionStartTimestamp();
    return {now - Min(int64{days}, kOldestPartitionDays) * USECS_PER_DAY,
            now + kNewestSampleDays * USECS_PER_DAY};
}

const RowBlock* BlockOf(const PushJob& job, const Metric& metric) {
    for (uint32_t i = 0; i < job.push.blocks; ++i) {
        if (job.blocks[i].metric == &metric && job.blocks[i].rows > 0) return &job.blocks[i];
    }
    return nullptr;
}

// Gather appends those rows of a block that lie in the window, and counts the other rows as
// discarded.
void Gather(PushJob* job, const RowBlock& block, const SampleWindow& window, MetricRows* rows) {
    int32* series = nullptr;
    if (block.metric->id == MetricId::kQueryStats) {
        series = static_cast<int32*>(
            MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * block.rows));
        ResolveSeries(*job, block, window, series);
    } else {
        VerifyTexts(block);
    }
    protocol::AccountFinder accounts(block, job->accounts, job->account_count);
    for (uint32_t i = 0; i < block.rows; ++i) {
        const protocol::Row row = block.At(i);
        static_assert(protocol::kSampledAt == 0);  // the first column of every metric
        const TimestampTz at = row.Int8(protocol::kSampledAt);
        const uint32_t account = accounts.Find(row);
        if (!window.Holds(at)) {
            Tally* const tally = &job->tallies[account];
            ++(at < window.oldest ? tally->too_old : tally->in_future);
            continue;
        }
        if (job->database_ids[account] == kOverQuota || (series != nullptr && series[i] == 0)) {
            ++job->tallies[account].over_quota;
            continue;
        }
        TimestampTz* const newest = &job->tallies[account].newest_sample;
        *newest = Max(*newest, at);
        rows->list[rows->count++] = {
            job, &block, row, at, 0, account, series == nullptr ? 0 : series[i], true};
    }
    if (series != nullptr) pfree(series);
}

// LockSeries locks the tables of series that a metric needs, and what it reads of its own.
void LockSeries(const Metric& metric) {
    const Users users = UsersOf(metric.id);
    if (metric.id == MetricId::kQueryStats) {
        LockTable("query_texts", RowExclusiveLock, users);
        LockTable("query_series", RowExclusiveLock, users);
    } else {
        LockTable("metric_series", RowExclusiveLock, kLabelled);
    }
    if (metric.keep == Keep::kOnce) LockTable(metric.relation.data(), AccessShareLock, users);
}

MetricRows GatherAll(PushJob* const* jobs, int count, const Metric& metric,
                     const SampleWindow& window) {
    size_t most = 0;
    for (int i = 0; i < count; ++i) {
        const RowBlock* const block = BlockOf(*jobs[i], metric);
        if (block != nullptr) most += block->rows;
    }
    MetricRows rows = {&metric, nullptr, 0};
    if (most == 0) return rows;
    LockSeries(metric);
    rows.list = static_cast<MetricRow*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(MetricRow) * most));
    for (int i = 0; i < count; ++i) {
        const RowBlock* const block = BlockOf(*jobs[i], metric);
        if (block != nullptr) Gather(jobs[i], *block, window, &rows);
    }
    return rows;
}

// Decide clears `kept` of the rows that must not be stored.
void Decide(const MetricRows& rows, const SampleWindow& window) {
    switch (rows.metric->keep) {
        case Keep::kAll:
            return;
        case Keep::kOnce:
            return KeepOnce(rows, window.oldest);
        case Keep::kChanges:
            return KeepChanges(rows);
    }
}

void Insert(const MetricRows& rows, MemoryContext context) {
    MetricTable* const table = TableOf(*rows.metric);
    RowSet* const set = NewRowSet(&table->bulk, context);
    MemoryContext const caller = MemoryContextSwitchTo(context);
    MaskedTexts masked = {};
    for (uint32 i = 0; i < rows.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const MetricRow& row = rows.list[i];
        Tally* const tally = &row.job->tallies[row.account];
        if (!row.kept) {
            ++tally->unchanged;
            continue;
        }
        ++tally->stored;
        const RowCells cells = AddRow(set);
        FillCells(*table, *row.block, row.row, &masked, cells);
        cells.values[0] = Int32GetDatum(row.server_id());
        cells.values[1] = Int32GetDatum(row.series_id);
        cells.values[2] = TimestampTzGetDatum(row.at);
        if (rows.metric->keep == Keep::kOnce) {
            cells.values[table->bulk.columns - 1] = Int64GetDatum(row.content_hash);
        }
    }
    MemoryContextSwitchTo(caller);
    DropForgotten(*rows.metric, *table, set);
    BulkInsert(set, static_cast<IngestPath>(settings.ingest_path), UsersOf(rows.metric->id));
}

}  // namespace

WorkClass WorkClassOf(const Metric& metric) {
    switch (metric.id) {
        case MetricId::kLog:
            return WorkClass::kLog;
        case MetricId::kExtensions:
            return WorkClass::kExtensions;
        case MetricId::kSchemaObjects:
            return WorkClass::kSchemaObjects;
        default:
            elog(ERROR, "relation \"%s\" has no class of locks", metric.relation.data());
    }
}

void StoreSamples(PushJob* const* jobs, int count, MemoryContext context) {
    for (const Metric& metric : protocol::Catalog()) {
        const SampleWindow window = WindowOf(metric.family);
        MetricRows rows = GatherAll(jobs, count, metric, window);
        if (rows.count > 0) {
            if (metric.keep == Keep::kChanges) {
                LockServers(rows, [](const MetricRow&) { return true; });
            }
            if (metric.id != MetricId::kQueryStats) ResolveMetricSeries(&rows);
            Decide(rows, window);
            Insert(rows, context);
        }
        if (rows.list != nullptr) pfree(rows.list);
    }
}

void CommitSamples() {
    CommitSeries();
    CommitMetricSeries();
    CommitContents();
}

void ForgetTouchedSamples() {
    ForgetTouchedSeries();
    ForgetTouchedMetricSeries();
    ForgetTouchedContents();
}

void ForgetSamples() {
    ForgetSeries();
    ForgetMetricSeries();
    ForgetContents();
}

}  // namespace pganalytics::pg
