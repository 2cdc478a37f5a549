// Metric table: the target of a metric's rows, described by the catalog, and how a row of a frame
// becomes a row of it.
#pragma once

#include "pg/store/metrics/bulk.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::pg {

// MetricTable has server_id, series_id, sampled_at, then the counters and values of the catalog in
// their order; where each is stored once, a hash of its content last.
struct MetricTable {
    BulkTable bulk;
    int cells;                              // columns that come from the frame
    uint8_t source[protocol::kMaxColumns];  // their places in the catalog
    bool words;  // they stand together in a frame, and each is its Datum as it is
};

// TableOf gives the table of a metric; it lives as long as the worker.
MetricTable* TableOf(const protocol::Metric& metric);

// FillCells writes the cells that come from the frame. Texts are copied into the current context.
// ERROR 22P02 for a JSON that is none. REQUIRES: VerifyTexts of the block.
void FillCells(const MetricTable& table, const protocol::RowBlock& block, protocol::Row row,
               RowCells cells);

// VerifyTexts raises 22021 unless every text of the block is valid UTF-8.
void VerifyTexts(const protocol::RowBlock& block);

// TextOf gives a cell's text, "" for one that is NULL.
inline std::string_view TextOf(const protocol::RowBlock& block, protocol::Row row,
                               uint32_t column) {
    return row.IsNull(column) ? std::string_view{} : block.Text(row.Word(column));
}

constexpr bool IsText(protocol::ColumnType type) {
    return type == protocol::ColumnType::kText || type == protocol::ColumnType::kJson;
}

}  // namespace pganalytics::pg
