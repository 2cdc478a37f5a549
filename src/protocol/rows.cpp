#include "protocol/rows.hpp"

#include <cmath>

#include "protocol/frame.hpp"

namespace pganalytics::protocol {
namespace {

bool IsValidCell(ColumnType type, uint64_t word, const RowBlock& block) {
    switch (type) {
        case ColumnType::kInt8:
        case ColumnType::kTimestamp:
        case ColumnType::kLsn:
            return true;
        case ColumnType::kFloat8:
            return std::isfinite(std::bit_cast<double>(word));
        case ColumnType::kBool:
            return word <= 1;
        case ColumnType::kText:
        case ColumnType::kJson: {
            const uint64_t offset = word >> 32;
            const uint64_t length = static_cast<uint32_t>(word);
            return offset + length <= block.heap_bytes &&
                   (length == 0 || std::memchr(block.heap + offset, 0, length) == nullptr);
        }
    }
    return false;
}

bool IsValidRow(Row row, const RowBlock& block) {
    const auto columns = static_cast<uint32_t>(block.metric->columns.size());
    if (row.words[0] >> columns != 0) return false;
    for (uint32_t i = 0; i < columns; ++i) {
        const Column& column = block.metric->columns[i];
        if (row.IsNull(i) ? column.required || row.Word(i) != 0
                          : !IsValidCell(column.type, row.Word(i), block)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool DecodeBlock(core::ByteReader* reader, RowBlock* block, const char** why) {
    const auto header = reader->Read<BlockHeader>();
    block->metric = FindMetric(static_cast<MetricId>(header.metric));
    if (reader->failed() || header.metric > UINT16_MAX || block->metric == nullptr) {
        *why = "block of an unknown metric";
        return false;
    }
    if (header.columns != block->metric->columns.size() || header.rows > kMaxRowsPerPush) {
        *why = "block with a wrong number of columns or too many rows";
        return false;
    }
    block->rows = header.rows;
    block->heap_bytes = header.heap_bytes;
    block->words = reinterpret_cast<const uint64_t*>(
        reader->Take(size_t{header.rows} * (1 + header.columns) * sizeof(uint64_t)));
    block->heap = reader->Take(core::AlignUp8(header.heap_bytes));
    if (reader->failed()) {
        *why = "block longer than its frame";
        return false;
    }
    for (uint32_t i = 0; i < block->rows; ++i) {
        if (!IsValidRow(block->At(i), *block)) {
            *why = "block with a cell out of range";
            return false;
        }
    }
    return true;
}

}  // namespace pganalytics::protocol
