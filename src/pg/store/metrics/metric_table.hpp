// Metric table: the table of a metric's rows, as the catalog describes it, and how a row of a frame
// becomes a row of this table.
#pragma once

#include "pg/store/metrics/bulk.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::pg {

// kFixedColumns is the number of columns before those that come from the frame: server_id,
// series_id, sampled_at.
inline constexpr int kFixedColumns = 3;

// MetricTable has the columns server_id, series_id and sampled_at, then the counters and values in
// the order of the catalog. With Keep::kOnce its last column is a hash of the content.
struct MetricTable {
    BulkTable bulk;
    int cells;                              // number of columns that come from the frame
    uint8_t source[protocol::kMaxColumns];  // their indexes in the catalog
    bool words;  // the cells are adjacent in the frame's row, and each word is a Datum
};

// TableOf returns the table of a metric. It lives as long as the worker.
MetricTable* TableOf(const protocol::Metric& metric);

// MaskedTexts remembers texts of statements that were masked last, by their places in the blocks.
// Sessions and locks show the same statement in row after row and sample after sample, and a block
// holds it once. All zero is an empty one.
struct MaskedTexts {
    struct Entry {
        const char* text;
        size_t bytes;
        Datum datum;
        bool is_null;
        bool used;
    };
    Entry entries[64];
};

// FillCells sets the cells that come from the frame. It copies texts into the current context;
// texts that may hold statements as pganalytics.query_texts says (stored_text.hpp). Cells with the
// same statement share one copy. ERROR 22P02 for invalid JSON. REQUIRES: VerifyTexts has accepted
// the block; `masked` is used for one context and one table only.
void FillCells(const MetricTable& table, const protocol::RowBlock& block, protocol::Row row,
               MaskedTexts* masked, RowCells cells);

// DropForgotten sets the cells of the set to NULL whose hash is in forgotten_texts: texts of
// statements, and JSON that may hold some. Query texts are no cells: the statement that adds them
// looks itself.
// ERROR 55P03 after lock_timeout. REQUIRES: SPI connected.
void DropForgotten(const protocol::Metric& metric, const MetricTable& table, RowSet* set);

// VerifyTexts raises ERROR 22021 unless every text of the block is valid UTF-8.
void VerifyTexts(const protocol::RowBlock& block);

// TextOf returns the text of a cell, or "" if the cell is NULL.
inline std::string_view TextOf(const protocol::RowBlock& block, protocol::Row row,
                               uint32_t column) {
    return row.IsNull(column) ? std::string_view{} : block.Text(row.Word(column));
}

constexpr bool IsText(protocol::ColumnType type) {
    return type == protocol::ColumnType::kText || type == protocol::ColumnType::kJson;
}

}  // namespace pganalytics::pg
