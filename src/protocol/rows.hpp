// Rows: the typed rows of one metric in a push frame. They are stored in a block, which has three
// parts:
//   * The header is a BlockHeader.
//   * A row is a word of 8 bytes with the null mask, and then a cell for each column of the
//     catalog, in its order. A cell is a word too.
//   * The heap is the bytes of all texts, padded to a multiple of 8.
//
// A cell holds the bits of its value: int8, float8, a bool as 0 or 1, a timestamp as microseconds
// since 2000, a text as heap offset << 32 | length. If bit i of the mask is set, column i is NULL
// and its cell is 0. Equal names in one block share their heap bytes, so their cells are equal too.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/bytes.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::protocol {

struct BlockHeader {
    uint32_t metric;
    uint32_t columns;
    uint32_t rows;
    uint32_t heap_bytes;
};
static_assert(sizeof(BlockHeader) == 16);

// Row points at one row's words, in a frame or in a builder.
struct Row {
    const uint64_t* words;

    bool IsNull(uint32_t column) const { return (words[0] >> column & 1) != 0; }
    uint64_t Word(uint32_t column) const { return words[1 + column]; }
    int64_t Int8(uint32_t column) const { return static_cast<int64_t>(Word(column)); }
    double Float8(uint32_t column) const { return std::bit_cast<double>(Word(column)); }
};

// RowBlock is a decoded block: views into the frame.
struct RowBlock {
    const Metric* metric = nullptr;
    uint32_t rows = 0;
    const uint64_t* words = nullptr;
    const char* heap = nullptr;
    uint32_t heap_bytes = 0;

    Row At(uint32_t row) const { return {words + size_t{row} * (1 + metric->columns.size())}; }
    std::string_view Text(uint64_t word) const {
        return {heap + (word >> 32), static_cast<uint32_t>(word)};
    }
};

// DecodeBlock reads the block at the reader's position. It returns true if all of the following
// holds; otherwise *why gets the reason:
//   * The metric is in the catalog, and the block has its number of columns.
//   * The block has at most kMaxRowsPerPush rows and ends inside the payload.
//   * Null masks have bits only for columns. No required column is NULL. NULL cells are 0.
//   * Each bool is 0 or 1, and each float is finite.
//   * Each text lies inside the heap and contains no NUL byte.
// It does not check the encoding of texts: the caller does, with PostgreSQL's verifier.
// REQUIRES: the payload is aligned to 8 bytes, and the position is a multiple of 8.
bool DecodeBlock(core::ByteReader* reader, RowBlock* block, const char** why);

}  // namespace pganalytics::protocol
