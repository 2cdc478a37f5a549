// Unknown reader: keeps metrics of types without a table as their JSON text, so that the data of a
// newer collector is not lost.
#pragma once

#include <cstdint>
#include <string_view>

#include "ingest/json/json_walk.hpp"
#include "ingest/progress.hpp"
#include "ingest/text_index.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// A larger metric is not kept, but counted as too_large and, by its type, as unstored.
inline constexpr size_t kMaxUnknownBytes = size_t{64} << 10;
inline constexpr uint64_t kMaxUnknownBytesPerPush = uint64_t{1} << 20;

class UnknownReader {
  public:
    UnknownReader(uint64_t seed, Progress* progress);

    protocol::RowBuilder* builder() { return &builder_; }

    // Read adds one metric. `value` is the value of `object`, and is read from its start. Faults:
    // 400; 422 for NUL and for a repeated "type".
    Fault Read(std::string_view type, od::value value, od::object object);

  private:
    protocol::RowBuilder builder_;
    TextIndex texts_;
    Progress* progress_;
    uint64_t bytes_ = 0;
};

}  // namespace pganalytics::ingest
