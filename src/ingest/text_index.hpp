// Text index: stores equal texts of a block only once on its heap.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// TextIndex finds the texts on the heap of one builder by a hash. The hash includes a seed that the
// sender does not know, so nobody can send texts that all collide.
class TextIndex {
  public:
    explicit TextIndex(uint64_t seed) : seed_(seed) {}

    // Intern returns the word of a cell for the text; it puts the bytes on the heap unless they are
    // already there. REQUIRES: well-formed UTF-8 without NUL; the same builder each time.
    uint64_t Intern(std::string_view text, protocol::RowBuilder* builder);

  private:
    static constexpr uint64_t kFree = UINT64_MAX;
    struct Slot {
        uint64_t hash;
        uint64_t word;
    };
    uint64_t Hash(std::string_view text) const;
    void Grow();

    uint64_t seed_;
    size_t used_ = 0;
    std::vector<Slot> slots_;
};

}  // namespace pganalytics::ingest
