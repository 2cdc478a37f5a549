#include "ingest/metric_reader.hpp"

#include "protocol/frame.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Metric;
using protocol::Scope;

constexpr std::string_view kRowsKey = "queries";
constexpr int64_t kMaxCount = INT32_MAX;
enum MetricKey : uint32_t { kType = 1, kRows = 2, kUnchanged = 4 };

}  // namespace

Fault MetricReader::Read(od::object object) {
    progress_->rows_key = kRowsKey;
    seen_ = 0;
    cells_seen_ = 0;
    cells_.clear();
    const uint32_t first_row = rows_.builder()->rows();
    Fault fault = EachField(object, &progress_->key, [&](std::string_view key, od::value value) {
        return ReadField(key, value);
    });
    if (!fault) fault = Finish(first_row);
    return fault;
}

Fault MetricReader::ReadField(std::string_view key, od::value value) {
    const Metric& metric = rows_.metric();
    if (key == "type") {
        if (Fault fault = Once(&seen_, kType, key)) return fault;
        return {};  // FindType has read it
    }
    if (key == kRowsKey) {
        if (Fault fault = Once(&seen_, kRows, key)) return fault;
        return ReadRows(value);
    }
    if (key == "unchanged") {
        return ReadUnchanged(key, value);
    }
    const int column = rows_.FindColumn(key, Scope::kMetric);
    if (column < 0) {
        progress_->unstored.CountField(metric.type, key);
        return Skip(value, 3, "", &progress_->scratch);
    }
    const uint64_t bit = uint64_t{1} << column;
    if ((cells_seen_ & bit) != 0) return {422, "is there twice", std::string(key)};
    cells_seen_ |= bit;
    uint64_t word = 0;
    bool is_null = false;
    const auto index = static_cast<uint32_t>(column);
    Fault fault = rows_.ReadCell(value, metric.columns[index], &word, &is_null);
    if (!fault && !is_null) cells_.emplace_back(index, word);
    return fault;
}

Fault MetricReader::ReadUnchanged(std::string_view key, od::value value) {
    if (Fault fault = Once(&seen_, kUnchanged, key)) return fault;
    int64_t count = 0;
    if (Fault fault = ReadInteger(value, key, &count)) return fault;
    if (count < 0 || count > kMaxCount) {
        return {422, "must be a number of rows", std::string(key)};
    }
    progress_->push->unchanged += static_cast<uint64_t>(count);
    return {};
}

Fault MetricReader::ReadRows(od::value value) {
    od::array array;
    if (Fault fault = ArrayOf(value, progress_->rows_key, &array)) return fault;
    for (auto item : array) {
        ++progress_->row_index;
        od::value row;
        if (std::move(item).get(row) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (++progress_->rows_read > protocol::kMaxRowsPerPush) {
            return {
                413,
                "a push may bring at most " + std::to_string(protocol::kMaxRowsPerPush) + " rows",
                ""};
        }
        if (Fault fault = rows_.ReadRow(row, 4, &progress_->unstored)) return fault;
        if (Fault fault = MergeRow()) return fault;
    }
    progress_->row_index = -1;
    return {};
}

// MergeRow folds the newest row into one of the same object that names the same query. The
// database and the time are the object's, so they need no look.
Fault MetricReader::MergeRow() {
    protocol::RowBuilder* builder = rows_.builder();
    const uint32_t last = builder->rows() - 1;
    const protocol::Row row = builder->Last();
    // Word and NULL bit: an absent name is not an empty one.
    auto identity = [](protocol::Row r, uint32_t column) {
        return r.Word(column) * 2 + (r.IsNull(column) ? 1 : 0);
    };
    const uint64_t hash =
        keys_.Hash(progress_->metric_index, row.Word(protocol::kQueryId),
                   identity(row, protocol::kUserName), identity(row, protocol::kTopLevel));
    const uint32_t into = keys_.FindOrAdd(hash, last, [&](uint32_t other) {
        const protocol::Row r = builder->At(other);
        return r.Word(protocol::kQueryId) == row.Word(protocol::kQueryId) &&
               identity(r, protocol::kUserName) == identity(row, protocol::kUserName) &&
               identity(r, protocol::kTopLevel) == identity(row, protocol::kTopLevel);
    });
    if (into == last) return {};
    if (const protocol::Column* column = merger_.MergeLast(builder, into)) {
        return {422, "is too large in sum over the rows of this query",
                std::string(column->json_key)};
    }
    ++progress_->push->merged;
    return {};
}

// FinishMetric writes the metric's own values into its rows, once all of it has been read.
Fault MetricReader::Finish(uint32_t first_row) {
    const Metric& metric = rows_.metric();
    if ((seen_ & (kRows | kUnchanged)) == 0) {
        return {422, "is missing", std::string(kRowsKey)};
    }
    for (uint32_t i = 0; i < metric.columns.size(); ++i) {
        const protocol::Column& column = metric.columns[i];
        if (column.scope == Scope::kMetric && column.required && (cells_seen_ >> i & 1) == 0) {
            return {422, "is missing", std::string(column.json_key)};
        }
    }
    protocol::RowBuilder* builder = rows_.builder();
    for (uint32_t i = first_row; i < builder->rows(); ++i) {
        uint64_t* words = builder->Words(i);
        for (const auto& [column, word] : cells_) {
            words[0] &= ~(uint64_t{1} << column);
            words[1 + column] = word;
        }
    }
    return {};
}

}  // namespace pganalytics::ingest
