// The SQL that reads pg_stat_statements, for each of its versions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::collector {

// StatementsVersion is the version of pg_stat_statements: "1.10" is major 1, minor 10.
struct StatementsVersion {
    int major = 0;
    int minor = 0;
    friend auto operator<=>(const StatementsVersion&, const StatementsVersion&) = default;
};
inline constexpr StatementsVersion kOldestStatements{1, 8};   // total_exec_time, WAL counters
inline constexpr StatementsVersion kTopLevelSince{1, 9};      // toplevel, pg_stat_statements_info
inline constexpr StatementsVersion kTempTimesSince{1, 10};    // temp_blk_read_time
inline constexpr StatementsVersion kSharedTimesSince{1, 11};  // shared_ and local_blk_read_time

// ParseStatementsVersion reads pg_extension.extversion. Refuses versions before 1.8; the error says
// how to update the extension.
core::Result<StatementsVersion> ParseStatementsVersion(std::string_view text);

// CountersQuery is a SELECT and the meaning of its result columns from kFirstCounterField on. The
// first columns are userid, dbid, queryid, toplevel, role name, database name.
struct CountersQuery {
    std::string sql;
    std::vector<uint32_t> columns;  // catalog columns, in the order of the result
};
inline constexpr int kFirstCounterField = 6;

// MakeCountersQuery returns the query for all statements without their texts. `schema` is already
// quoted. The name of a dropped role or database is NULL.
CountersQuery MakeCountersQuery(StatementsVersion version, std::string_view schema);

// MakeInfoQuery returns a query for one row: dealloc, stats_reset (both NULL before 1.9),
// pg_stat_statements.max.
std::string MakeInfoQuery(StatementsVersion version, std::string_view schema);

// kMaxTextChars is the length to which a text is cut; PostgreSQL stores texts of any length.
inline constexpr int kMaxTextChars = 100000;

// MakeTextsQuery returns the query for userid, dbid, queryid, toplevel and text of the statements
// whose queryid is in the array $1.
std::string MakeTextsQuery(StatementsVersion version, std::string_view schema);

// QueryIdArray returns the text of an int8[] for $1.
std::string QueryIdArray(std::span<const int64_t> ids);

}  // namespace pganalytics::collector
