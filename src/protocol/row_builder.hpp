// RowBuilder: writes one block of rows in the layout of rows.hpp. The gateway uses it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/rows.hpp"

namespace pganalytics::protocol {

class RowBuilder {
  public:
    explicit RowBuilder(const Metric& metric)
        : metric_(&metric), width_(1 + metric.columns.size()) {}

    const Metric& metric() const { return *metric_; }
    uint32_t rows() const { return static_cast<uint32_t>(words_.size() / width_); }
    size_t heap_bytes() const { return heap_.size(); }

    // StartRow appends a row of NULLs; the Set functions fill the newest row.
    void StartRow();
    void DropRow() { words_.resize(words_.size() - width_); }
    // Truncate keeps the first `rows` rows and drops the others. MoveRow copies a row over another.
    void Truncate(uint32_t rows) { words_.resize(size_t{rows} * width_); }
    void MoveRow(uint32_t from, uint32_t to) {
        if (from != to) std::copy_n(Words(from), width_, Words(to));
    }
    // AppendRow appends a row. `words` are its null mask and then its cells.
    void AppendRow(const uint64_t* words) { words_.insert(words_.end(), words, words + width_); }
    void SetInt8(uint32_t column, int64_t value) { Set(column, static_cast<uint64_t>(value)); }
    void SetFloat8(uint32_t column, double value) { Set(column, std::bit_cast<uint64_t>(value)); }
    void SetBool(uint32_t column, bool value) { Set(column, value ? 1 : 0); }
    // SetWord stores a cell's word unchanged, for example one from AddText.
    void SetWord(uint32_t column, uint64_t word) { Set(column, word); }

    // SetWordOf stores a cell's word in any row, not only the newest.
    void SetWordOf(uint32_t row, uint32_t column, uint64_t word) {
        uint64_t* words = Words(row);
        words[0] &= ~(uint64_t{1} << column);
        words[1 + column] = word;
    }

    // AddText puts bytes on the heap and returns the word of a cell that holds them. REQUIRES:
    // well-formed UTF-8 without NUL.
    uint64_t AddText(std::string_view text);

    Row At(uint32_t row) const { return {words_.data() + size_t{row} * width_}; }
    Row Last() const { return At(rows() - 1); }
    std::string_view Text(uint64_t word) const {
        return {heap_.data() + (word >> 32), static_cast<uint32_t>(word)};
    }
    // Words returns a row's words, which the caller may change (to merge rows).
    uint64_t* Words(uint32_t row) { return words_.data() + size_t{row} * width_; }

    // EncodedBytes is the number of bytes that AppendTo will write.
    size_t EncodedBytes() const;
    // AppendTo appends the block. REQUIRES: the payload in `out` is a multiple of 8 bytes long.
    void AppendTo(std::string* out) const;

  private:
    void Set(uint32_t column, uint64_t word) {
        uint64_t* row = words_.data() + words_.size() - width_;
        row[0] &= ~(uint64_t{1} << column);
        row[1 + column] = word;
    }

    const Metric* metric_;
    size_t width_;
    std::vector<uint64_t> words_;
    std::string heap_;
};

}  // namespace pganalytics::protocol
