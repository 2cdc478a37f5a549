// The metric catalog: each metric once, with its JSON type, its relation and its columns. The
// gateway decodes by it, the worker inserts by it, the collector emits by it, and a regression
// test compares it with the SQL. A new metric is one entry here, one table, one expected file.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pganalytics::protocol {

// ColumnType says how a cell's 8 bytes are read; kText cells hold heap offset << 32 | length.
enum class ColumnType : uint8_t { kInt8, kFloat8, kBool, kTimestamp, kText };

// ColumnRole says what a column is for. kIdentity columns name the series a row belongs to and are
// replaced by its number when the row is stored; kValue columns are stored as they come; kCounter
// columns are values of which zero is stored as NULL (an absent one is zero).
enum class ColumnRole : uint8_t { kTime, kIdentity, kText, kStatsSince, kCounter, kValue };

// Scope says where the JSON key stands: on the metric itself or on each of its rows.
enum class Scope : uint8_t { kMetric, kRow };

struct Column {
    std::string_view name;      // SQL attribute
    std::string_view json_key;  // as existing collectors spell it
    ColumnType type;
    ColumnRole role;
    Scope scope;
    bool required;  // a push without it is refused with 422
};

enum class MetricId : uint16_t { kQueryStats = 1 };

struct Metric {
    MetricId id;
    std::string_view type;      // the JSON "type"
    std::string_view relation;  // in schema pganalytics, partitioned by day
    std::string_view rows_key;  // the JSON array of rows
    std::span<const Column> columns;
};

// kMaxColumns is what the null mask of a row can name.
inline constexpr uint32_t kMaxColumns = 63;

// Where the columns that the series of a query is made from stand in the rows of kQueryStats.
enum QueryStatsColumn : uint32_t {
    kSampledAt,
    kDatabase,
    kUserName,
    kQueryId,
    kTopLevel,
    kQueryText,
    kStatsSince,
    kFirstCounter,
};

// Catalog gives every metric, in the order of their ids.
std::span<const Metric> Catalog();

// FindMetric by JSON type or by id; nullptr if there is none.
const Metric* FindMetric(std::string_view type);
const Metric* FindMetric(MetricId id);

}  // namespace pganalytics::protocol
