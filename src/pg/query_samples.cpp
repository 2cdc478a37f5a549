// Query samples: rows of a push, with the series' numbers in place of their names.
#include "pg/query_samples.hpp"

#include "pg/bulk.hpp"
#include "pg/guc.hpp"
#include "pg/series.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

using protocol::ColumnType;
using protocol::DiscardReason;
using protocol::kRebased;
using protocol::Row;
using protocol::RowBlock;

constexpr int kFixedColumns = 3;  // server_id, series_id, sampled_at
BulkColumn bulk_columns[kFixedColumns + protocol::kMaxColumns];
BulkTable bulk_table;

Oid TypeOf(ColumnType type) {
    switch (type) {
        case ColumnType::kFloat8:
            return FLOAT8OID;
        case ColumnType::kBool:
            return BOOLOID;
        case ColumnType::kTimestamp:
            return TIMESTAMPTZOID;
        case ColumnType::kInt8:
        case ColumnType::kText:
        case ColumnType::kLsn:
        case ColumnType::kJson:
            break;
    }
    return INT8OID;
}

// Table describes query_samples from the catalog: the fixed columns, then the counters.
const BulkTable* Table() {
    if (bulk_table.columns > 0) return &bulk_table;
    const protocol::Metric& metric = *FindMetric(protocol::MetricId::kQueryStats);
    bulk_columns[0] = {"server_id", INT4OID, true};
    bulk_columns[1] = {"series_id", INT4OID, true};
    bulk_columns[2] = {"sampled_at", TIMESTAMPTZOID, true};
    int columns = kFixedColumns;
    for (size_t i = kRebased; i < metric.columns.size(); ++i) {
        // The catalog's names are literals: NUL-terminated.
        bulk_columns[columns++] = {metric.columns[i].name.data(), TypeOf(metric.columns[i].type),
                                   false};
    }
    bulk_table = {metric.relation.data(), columns, kFixedColumns - 1, 1, bulk_columns};
    return &bulk_table;
}

void AddBlock(PushJob* job, const RowBlock& block, const SampleWindow& window, RowSet* set) {
    auto* const series = static_cast<int32*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(block.rows, 1u)));
    ResolveSeries(job->server_id, block, window, series);
    const auto counters = static_cast<uint32_t>(block.metric->columns.size()) - kRebased;
    for (uint32_t i = 0; i < block.rows; ++i) {
        const Row row = block.At(i);
        const TimestampTz sampled_at = row.Int8(protocol::kSampledAt);
        if (!window.Holds(sampled_at)) {
            const DiscardReason reason =
                sampled_at < window.oldest ? DiscardReason::kTooOld : DiscardReason::kInFuture;
            ++job->receipt.discarded[static_cast<size_t>(reason)];
            continue;
        }
        const RowCells cells = AddRow(set);
        cells.values[0] = Int32GetDatum(job->server_id);
        cells.values[1] = Int32GetDatum(series[i]);
        cells.values[2] = TimestampTzGetDatum(sampled_at);
        memset(cells.nulls, 0, kFixedColumns);
        // A cell's word is its Datum: every type here is 8 bytes, passed by value.
        static_assert(sizeof(Datum) == sizeof(uint64_t) && FLOAT8PASSBYVAL);
        memcpy(cells.values + kFixedColumns, row.words + 1 + kRebased, counters * sizeof(Datum));
        const uint64_t mask = row.words[0] >> kRebased;
        for (uint32_t c = 0; c < counters; ++c)
            cells.nulls[kFixedColumns + c] = (mask >> c & 1) != 0;
        ++job->rows;
    }
}

}  // namespace

void StoreQuerySamples(PushJob* const* jobs, int count, MemoryContext context) {
    const TimestampTz now = GetCurrentTransactionStartTimestamp();
    const SampleWindow window = {now - kOldestSampleDays * USECS_PER_DAY,
                                 now + kNewestSampleDays * USECS_PER_DAY};
    RowSet* const set = NewRowSet(Table(), context);
    for (int i = 0; i < count; ++i) {
        for (uint32_t b = 0; b < jobs[i]->push.blocks; ++b) {
            AddBlock(jobs[i], jobs[i]->blocks[b], window, set);
        }
    }
    BulkInsert(set, static_cast<IngestPath>(settings.ingest_path));
}

void CommitQuerySamples() { CommitSeries(); }
void ForgetTouchedQuerySamples() { ForgetTouchedSeries(); }
void ForgetQuerySamples() { ForgetSeries(); }

}  // namespace pganalytics::pg
