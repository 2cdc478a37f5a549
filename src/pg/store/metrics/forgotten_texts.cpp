// Forgotten texts: keeps texts away that an administrator has removed with forget_query_text().
#include "pg/base/statement.hpp"
#include "pg/store/metrics/metric_table.hpp"
#include "pg/store/metrics/stored_text.hpp"

extern "C" {
#include "catalog/pg_type.h"
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

}  // namespace

void DropForgotten(const protocol::Metric& metric, const MetricTable& table, RowSet* set) {
    const auto columns = static_cast<uint32>(table.bulk.columns);
    uint32 texts[protocol::kMaxColumns];
    uint32 text_count = 0;
    for (int i = 0; i < table.cells; ++i) {
        const protocol::Column& column = metric.columns[table.source[i]];
        if (column.content != protocol::Content::kSql ||
            column.type != protocol::ColumnType::kText) {
            continue;
        }
        texts[text_count++] = static_cast<uint32>(kFixedColumns + i);
    }
    if (text_count == 0 || set->rows == 0) return;
    Execute(&any_forgotten, nullptr);
    if (!BoolOf(0, 1)) return;
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
