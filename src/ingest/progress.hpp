// Progress: what the readers of one document share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/accounts.hpp"
#include "ingest/json/fault.hpp"
#include "ingest/unstored.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// UntimedRows are rows of a metric that says no time of its own; they get that of the push, which
// stands behind the metrics.
struct UntimedRows {
    protocol::RowBuilder* builder;
    uint32_t column;
    uint32_t first_row;
    uint32_t end_row;
    int64_t metric_index;
};

struct Progress {
    // CountRow counts a row that is going to be read, with the memory of its cells; rows that
    // become one count each. Fault: 413 when it is one too many. DropRow takes the last one back.
    Fault CountRow(const protocol::Metric& metric);
    void DropRow(const protocol::Metric& metric);

    uint32_t max_queries_per_db = 0;  // 0: no limit
    Unstored unstored;
    Accounts accounts;
    std::vector<UntimedRows> untimed;
    uint64_t rows = 0;
    uint64_t cell_bytes = 0;
    int64_t metric_index = -1;  // -1 outside
    std::string key;
    std::string scratch;
};

}  // namespace pganalytics::ingest
