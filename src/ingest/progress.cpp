#include "ingest/progress.hpp"

#include "protocol/frame.hpp"

namespace pganalytics::ingest {
namespace {

uint64_t RowBytes(const protocol::Metric& metric) {
    return (1 + metric.columns.size()) * sizeof(uint64_t);
}

}  // namespace

Fault Progress::CountRow(const protocol::Metric& metric) {
    if (++rows > protocol::kMaxRowsPerPush) {
        return {413,
                "a push may bring at most " + std::to_string(protocol::kMaxRowsPerPush) + " rows"};
    }
    cell_bytes += RowBytes(metric);
    if (cell_bytes > protocol::kMaxCellBytesPerPush) {
        return {413, "the rows of a push may take at most " +
                         std::to_string(protocol::kMaxCellBytesPerPush) + " bytes"};
    }
    return {};
}

void Progress::DropRow(const protocol::Metric& metric) {
    --rows;
    cell_bytes -= RowBytes(metric);
}

}  // namespace pganalytics::ingest
