// Metric reader: all objects of one metric type in a push, decoded into one block of rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/decode.hpp"
#include "ingest/json_walk.hpp"
#include "ingest/merge.hpp"
#include "ingest/row_reader.hpp"
#include "ingest/unstored.hpp"

namespace pganalytics::ingest {

// Progress is what the readers of one document share: where they are, for the path of an error,
// and what they have counted.
struct Progress {
    DecodedPush* push = nullptr;
    Unstored unstored;
    std::string key;
    std::string scratch;
    uint64_t rows_read = 0;
    int64_t metric_index = -1;  // -1 outside
    int64_t row_index = -1;
    std::string_view rows_key;
};

class MetricReader {
  public:
    // `seed` keys the hashes, so that no sender can choose keys that collide. `progress` outlives
    // the reader.
    MetricReader(const protocol::Metric& metric, uint64_t seed, Progress* progress)
        : rows_(metric, seed), merger_(metric), keys_(seed), progress_(progress) {}

    const protocol::Metric& metric() const { return rows_.metric(); }
    protocol::RowBuilder* builder() { return rows_.builder(); }

    // Read adds the rows of one metric object. Faults: 400, 422, and 413 for too many rows.
    Fault Read(od::object object);

  private:
    Fault ReadField(std::string_view key, od::value value);
    Fault ReadUnchanged(std::string_view key, od::value value);
    Fault ReadRows(od::value value);
    Fault MergeRow();
    Fault Finish(uint32_t first_row);

    RowReader rows_;
    Merger merger_;
    RowIndex keys_;
    Progress* progress_;
    // Of the object being read:
    uint32_t seen_ = 0;
    uint64_t cells_seen_ = 0;
    std::vector<std::pair<uint32_t, uint64_t>> cells_;
};

}  // namespace pganalytics::ingest
