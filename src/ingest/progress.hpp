// Progress: what the readers of one document share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/accounts.hpp"
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
    uint32_t max_queries_per_db = 0;  // 0: no limit
    Unstored unstored;
    Accounts accounts;
    std::vector<UntimedRows> untimed;
    uint64_t rows_read = 0;
    int64_t metric_index = -1;  // -1 outside
    std::string key;
    std::string scratch;
};

}  // namespace pganalytics::ingest
