// Unknown reader: keeps metrics of types that have no table, as their JSON text, so that the data
// of a newer collector is not lost.
#pragma once

#include <cstdint>
#include <string_view>

#include "ingest/json/json_walk.hpp"
#include "ingest/progress.hpp"
#include "ingest/text_index.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// A metric beyond one of these limits is not kept. It is counted as too_large and, by its type, as
// unstored.
inline constexpr size_t kMaxUnknownBytes = size_t{64} << 10;
inline constexpr uint64_t kMaxUnknownBytesPerPush = uint64_t{1} << 20;

class UnknownReader {
  public:
    UnknownReader(uint64_t seed, Progress* progress);

    protocol::RowBuilder* builder() { return &builder_; }

    // Read stores one metric as its JSON text. `value` and `object` are two views of this metric.
    // REQUIRES: `object` is at its start. Faults: 400 not JSON, or nested too deeply; 413 too many
    // rows; 422 NUL, or "type" is there twice.
    Fault Read(std::string_view type, od::value value, od::object object);

  private:
    protocol::RowBuilder builder_;
    TextIndex texts_;
    Progress* progress_;
    uint64_t bytes_ = 0;
};

}  // namespace pganalytics::ingest
