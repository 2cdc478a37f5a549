// Forgotten texts: keeps texts away that an administrator has removed with forget_query_text().
#include "pg/base/shmem.hpp"
#include "pg/base/statement.hpp"
#include "pg/store/metrics/metric_table.hpp"
#include "pg/store/metrics/stored_text.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
}

namespace pganalytics::pg {
namespace {

// Rarely has anybody forgotten a text, so the hashes of a push's texts are computed only then.
Statement any_forgotten = {
    "SELECT EXISTS (SELECT FROM pganalytics.forgotten_texts)", 0, {}, nullptr};
Statement find_forgotten = {
    "SELECT f.text_hash FROM pganalytics.forgotten_texts f WHERE f.text_hash = ANY ($1)",
    1,
    {UUIDARRAYOID},
    nullptr};

// Cell is a cell that holds a text, and the hash of the text.
struct Cell {
    core::Uuid hash;
    uint32 index;  // in the values of the set
};

core::Uuid HashOf(Datum text) {
    return HashOfText(
        {VARDATA_ANY(DatumGetPointer(text)), VARSIZE_ANY_EXHDR(DatumGetPointer(text))});
}

// NoteOldest notes the time of the oldest row, for oldest_text(). REQUIRES: this transaction holds
// a lock on forgotten_texts.
void NoteOldest(const RowSet& set, uint32 columns) {
    constexpr uint32 kSampledAt = kFixedColumns - 1;
    TimestampTz oldest = DatumGetTimestampTz(set.values[kSampledAt]);
    for (uint32 row = 1; row < set.rows; ++row) {
        oldest = Min(oldest, DatumGetTimestampTz(set.values[row * columns + kSampledAt]));
    }
    pg_atomic_uint64* const noted = &Shared()->oldest_text;
    uint64 before = pg_atomic_read_u64(noted);
    while (oldest < static_cast<TimestampTz>(before) &&
           !pg_atomic_compare_exchange_u64(noted, &before, static_cast<uint64>(oldest))) {
    }
}

}  // namespace

void DropForgotten(const protocol::Metric& metric, const MetricTable& table, RowSet* set) {
    const auto columns = static_cast<uint32>(table.bulk.columns);
    uint32 texts[protocol::kMaxColumns];
    uint32 text_count = 0;
    bool has_messages = false;
    for (int i = 0; i < table.cells; ++i) {
        const protocol::Column& column = metric.columns[table.source[i]];
        if (!IsText(column.type) || column.content == protocol::Content::kNames) continue;
        if (column.content == protocol::Content::kMessage) {
            has_messages = true;
        } else {
            texts[text_count++] = static_cast<uint32>(kFixedColumns + i);
        }
    }
    if ((text_count == 0 && !has_messages) || set->rows == 0) return;
    // This locks forgotten_texts, which forget_query_text() waits for.
    Execute(&any_forgotten, nullptr);
    NoteOldest(*set, columns);
    if (text_count == 0 || !BoolOf(0, 1)) return;
    auto* const cells = static_cast<Cell*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Cell) * set->rows * text_count));
    int count = 0;
    for (uint32 row = 0; row < set->rows; ++row) {
        for (uint32 t = 0; t < text_count; ++t) {
            const uint32 index = row * columns + texts[t];
            if (!set->nulls[index]) cells[count++] = {HashOf(set->values[index]), index};
        }
    }
    if (count == 0) return;
    Datum values[] = {ArrayOf(cells, count, UUIDOID,
                              [](const Cell& cell, bool*) { return UuidDatum(cell.hash); })};
    Execute(&find_forgotten, values);
    for (uint64 found = 0; found < SPI_processed; ++found) {
        CHECK_FOR_INTERRUPTS();
        const core::Uuid hash = UuidOf(found, 1);
        for (int i = 0; i < count; ++i) {
            if (cells[i].hash == hash) set->nulls[cells[i].index] = true;
        }
    }
    pfree(cells);
}

}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_oldest_text);

// pganalytics_oldest_text returns the time of the oldest sample with a text that a push has brought
// since the call with true. REQUIRES, for an exact result: ACCESS EXCLUSIVE on forgotten_texts.
Datum pganalytics_oldest_text(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    if (!SharedMemoryReady()) PG_RETURN_TIMESTAMPTZ(DT_NOEND);
    pg_atomic_uint64* const noted = &Shared()->oldest_text;
    if (PG_GETARG_BOOL(0)) pg_atomic_write_u64(noted, static_cast<uint64>(DT_NOEND));
    PG_RETURN_TIMESTAMPTZ(static_cast<TimestampTz>(pg_atomic_read_u64(noted)));
}

}  // extern "C"
