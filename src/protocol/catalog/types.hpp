// The metric catalog's types: the parts of a metric and of its columns.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pganalytics::protocol {

// ColumnType is how to read a cell's 8 bytes; kText and kJson cells hold heap offset << 32 |
// length. kLsn is a WAL position, written "16/B374D848"; kJson is a JSON text (RFC 8259).
enum class ColumnType : uint8_t { kInt8, kFloat8, kBool, kTimestamp, kText, kLsn, kJson };

// ColumnRole is what a column is for. kDatabase and kIdentity columns name the series of a row; the
// stored row has the number of the series instead. kValue columns are stored unchanged. kCounter
// columns are values whose zero is stored as NULL (an absent one is zero).
enum class ColumnRole : uint8_t {
    kTime,
    kDatabase,
    kIdentity,
    kText,
    kStatsSince,
    kCounter,
    kValue
};

// Scope is where a value is found: under its key in the metric, or in each of its rows, or as the
// name of an object's member on the way to the rows (the first "*" of the path, or the second). A
// dot in a key leads one object deeper; the key "" of a row is the row itself.
enum class Scope : uint8_t { kMetric, kMember, kInnerMember, kRow };

// Keep says which rows are stored. kAll: every row. kChanges: rows that differ from the stored ones
// of their series, and the first ones of each day; what the newest sample of a database no longer
// names is marked as gone. kOnce: rows whose values are not stored already.
enum class Keep : uint8_t { kAll, kChanges, kOnce };

// Family is the group of metrics that a retention setting covers.
enum class Family : uint8_t { kQuerySamples, kMetrics, kLogs };

struct Column {
    std::string_view name;      // SQL attribute
    std::string_view json_key;  // as existing collectors spell it
    ColumnType type;
    ColumnRole role;
    Scope scope;
    bool required;  // a push without it is refused with 422
};

enum class MetricId : uint16_t {
    kQueryStats = 1,
    kDatabaseStats,
    kTableStats,
    kIndexStats,
    kTableBloat,
    kIndexBloat,
    kTableCache,
    kIndexCache,
    kHostStats,
    kDiskIo,
    kDiskUsage,
    kLog,
    kReplicationSlots,
    kReplicationStatus,
    kWalStatus,
    kWraparound,
    kSubscriptions,
    kCollectionErrors,
    kLocks,
    kLockWaits,
    kBlockingQueries,
    kConnections,
    kConnectionTotals,
    kLongTransactions,
    kIdleTransactions,
    kExtensions,
    kSchemaObjects,
    kStatementsInfo,
    kUnknown,  // the metrics of every other type
    kAccounts = 1000,
};

// Metric describes the rows of one relation. One JSON type may have several.
struct Metric {
    std::string_view type;      // the JSON "type"
    std::string_view relation;  // in schema pganalytics, partitioned by day
    // The path of the rows in the JSON object of the metric: "" the object itself is the row;
    // "wal_status" an object in it; "tables[]" the elements of an array; "databases.*.locks[]"
    // those of each member of "databases".
    std::string_view rows_path;
    std::span<const Column> columns;
    MetricId id;
    Keep keep;
    Family family;
};

// kMaxColumns is the number of columns for which a row's null mask has bits.
inline constexpr uint32_t kMaxColumns = 63;

// The positions, in the rows of kQueryStats, of the columns that identify the series of a query.
enum QueryStatsColumn : uint32_t {
    kSampledAt,
    kDatabase,
    kUserName,
    kQueryId,
    kTopLevel,
    kQueryText,
    kStatsSince,
    kRebased,
    kFirstCounter,
};

// The columns of kAccounts, the block in which a gateway counts the rows of each database of a
// push. observed = rows sent on + unchanged + merged + too_large.
enum AccountsColumn : uint32_t {
    kAccountDatabase,  // "": rows that belong to no database
    kAccountObserved,
    kAccountUnchanged,
    kAccountMerged,
    kAccountBeyondLimit,  // those of the merged that exceed the limit of queries
    kAccountTooLarge,
    kAccountQueries,  // of the observed: query statistics, also unchanged and merged ones
};

}  // namespace pganalytics::protocol
