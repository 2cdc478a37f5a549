// Progress: the state that all readers of one document share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/accounts.hpp"
#include "ingest/json/fault.hpp"
#include "ingest/unstored.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// UntimedRows are rows of a metric that has no time. They get the push's time when the whole
// document has been read, because that time may come after the metrics.
struct UntimedRows {
    protocol::RowBuilder* builder;
    uint32_t column;
    uint32_t first_row;
    uint32_t end_row;
    int64_t metric_index;
};

struct Progress {
    // CountRow counts a row and the memory of its cells before the row is read; a row that is later
    // merged counts too. Fault: 413 beyond a limit. DropRow undoes the last CountRow.
    Fault CountRow(const protocol::Metric& metric);
    void DropRow(const protocol::Metric& metric);

    uint32_t max_queries_per_db = 0;  // 0: no limit
    uint64_t query_text_bytes = 0;
    Unstored unstored;
    Accounts accounts;
    std::vector<UntimedRows> untimed;
    uint64_t rows = 0;
    uint64_t cell_bytes = 0;
    int64_t metric_index = -1;  // -1: outside the metrics
    std::string key;
    std::string scratch;
};

}  // namespace pganalytics::ingest
