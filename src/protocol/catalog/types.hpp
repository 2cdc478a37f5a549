// The metric catalog's types: the parts of a metric and of its columns.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pganalytics::protocol {

// ColumnType says how to read a cell's 8 bytes. kText and kJson cells are heap offset << 32 |
// length. kLsn is a WAL position, written "16/B374D848"; kJson is a JSON text (RFC 8259).
enum class ColumnType : uint8_t { kInt8, kFloat8, kBool, kTimestamp, kText, kLsn, kJson };

// ColumnRole says what a column is for.
// kDatabase, kIdentity: these columns name the series of a row. The stored row has the number of
// the series instead of them.
// kValue: the value is stored unchanged.
// kCounter: as kValue, but 0 is stored as NULL. A missing counter is 0.
enum class ColumnRole : uint8_t {
    kTime,
    kDatabase,
    kIdentity,
    kText,
    kStatsSince,
    kCounter,
    kValue
};

// Scope says where the JSON has the value of a column.
// kMetric: in the metric, under the column's key.
// kRow: in each row, under the column's key. The key "" means the row itself.
// kMember: the value is a member's name, the one at the first "*" of rows_path.
// kInnerMember: the same for the second "*".
// The key "a.b" means the member b of the object a.
enum class Scope : uint8_t { kMetric, kMember, kInnerMember, kRow };

// Content says what a column of texts may hold besides names. pganalytics.query_texts decides what
// is stored of it. kNames: nothing else, so it is stored as it is. kSql: statements. kMessage:
// messages of the server log. kAnything: what no table knows. In a kJson column this is about the
// strings in the JSON.
enum class Content : uint8_t { kNames, kSql, kMessage, kAnything };

// Keep says which rows are stored. kAll: every row. kChanges: rows that differ from the stored rows
// of their series, and the first rows of each day. When the newest sample of a database no longer
// names a series, that series is marked as gone. kOnce: rows whose values are not stored already.
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
    Content content = Content::kNames;
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

// Metric describes the rows of one relation. One JSON type may have several Metrics.
struct Metric {
    std::string_view type;      // the JSON "type"
    std::string_view relation;  // in schema pganalytics, partitioned by day
    // The path of the rows in the JSON object of the metric:
    // "": the object itself is the row.
    // "wal_status": the inner object wal_status is the row.
    // "tables[]": each element of the array tables is a row.
    // "databases.*.locks[]": in each member of databases, each element of the array locks is a row.
    std::string_view rows_path;
    std::span<const Column> columns;
    MetricId id;
    Keep keep;
    Family family;
};

// kMaxColumns limits the columns of a metric, because each column needs a bit in a row's null mask.
inline constexpr uint32_t kMaxColumns = 63;

// QueryStatsColumn is the position of a column in the rows of kQueryStats, up to the first counter.
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

// AccountsColumn is the position of a column in the rows of kAccounts, the block in which a gateway
// counts the rows of each database of a push. observed = rows in the blocks + unchanged + merged +
// too_large.
enum AccountsColumn : uint32_t {
    kAccountDatabase,  // "": rows that belong to no database
    kAccountObserved,
    kAccountUnchanged,
    kAccountMerged,
    kAccountBeyondLimit,  // how many of kAccountMerged were beyond the limit of queries
    kAccountTooLarge,
    kAccountQueries,  // how many of kAccountObserved are query statistics
};

}  // namespace pganalytics::protocol
