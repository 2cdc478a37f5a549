// Rows: the typed rows of one metric in a push frame. A block is a header, `rows` rows of 1 +
// `columns` 8-byte words (a null mask, then the cells in the order of the catalog's columns), and a
// heap of text bytes, padded to a multiple of 8.
//
// A cell's word is the bits of the value: int8, float8, a bool as 0 or 1, microseconds since 2000
// for a timestamp, heap offset << 32 | length for a text. If bit i of the mask is set, column i is
// NULL and its word is 0. Equal names in one block share their heap bytes, so equal words mean
// equal texts.
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

// DecodeBlock reads the block at the reader's position, which must be a multiple of 8 in an
// 8-aligned payload. It returns false, with a reason in *why, unless everything is in range: a
// metric of the catalog with its number of columns, required columns not NULL, NULL cells 0, bools
// 0 or 1, finite floats, texts inside the heap and without NUL. The caller must check the encoding
// of texts (PostgreSQL does it with its own verifier).
bool DecodeBlock(core::ByteReader* reader, RowBlock* block, const char** why);

}  // namespace pganalytics::protocol
