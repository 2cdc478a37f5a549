// Knows the column names of pg_stat_statements in each version.
#include "collector/sources/statements_query.hpp"

#include <charconv>

namespace pganalytics::collector {
namespace {

// SourceColumn is the name that a catalog column has in this version; "" if the version lacks it or
// we do not read it. The catalog uses the names of 1.11.
std::string SourceColumn(const protocol::Column& column, StatementsVersion version) {
    const std::string name(column.name);
    if (name == "mean_exec_time") return "";  // total / calls: the reader computes it
    if (name.starts_with("shared_blk_") && version < kSharedTimesSince) {
        return name.substr(std::string_view("shared_").size());
    }
    if (name.starts_with("local_blk_") && version < kSharedTimesSince) return "";
    if (name.starts_with("temp_blk_") && version < kTempTimesSince) return "";
    return name;
}

std::string_view TopLevel(StatementsVersion version) {
    return version >= kTopLevelSince ? "s.toplevel" : "true";
}

}  // namespace

core::Result<StatementsVersion> ParseStatementsVersion(std::string_view text) {
    StatementsVersion version;
    const char* end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec == std::errc() && major.ptr != end && *major.ptr == '.') {
        std::from_chars(major.ptr + 1, end, version.minor);
    }
    if (version < kOldestStatements) {
        return core::Error{"pg_stat_statements is of version " + std::string(text) +
                           ", 1.8 is the oldest that can be read; as its owner run: "
                           "ALTER EXTENSION pg_stat_statements UPDATE"};
    }
    return version;
}

CountersQuery MakeCountersQuery(StatementsVersion version, std::string_view schema) {
    CountersQuery query;
    query.sql = "SELECT s.userid, s.dbid, s.queryid, ";
    query.sql += TopLevel(version);
    query.sql += ", r.rolname::pg_catalog.text, d.datname::pg_catalog.text";
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    for (uint32_t i = protocol::kFirstCounter; i < columns.size(); ++i) {
        const std::string name = SourceColumn(columns[i], version);
        if (name.empty()) continue;
        // The casts determine the binary format. wal_bytes, for example, is numeric in the view.
        query.sql += ", s." + name +
                     (columns[i].type == protocol::ColumnType::kInt8 ? "::pg_catalog.int8"
                                                                     : "::pg_catalog.float8");
        query.columns.push_back(i);
    }
    query.sql += " FROM ";
    query.sql += schema;
    query.sql +=
        ".pg_stat_statements(false) s"
        " LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.userid"
        " LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.dbid";
    return query;
}

std::string MakeInfoQuery(StatementsVersion version, std::string_view schema) {
    const std::string max =
        "pg_catalog.current_setting('pg_stat_statements.max', true)::pg_catalog.int8";
    if (version < kTopLevelSince) {
        return "SELECT NULL::pg_catalog.int8, NULL::pg_catalog.timestamptz, " + max;
    }
    return "SELECT i.dealloc, i.stats_reset, " + max + " FROM " + std::string(schema) +
           ".pg_stat_statements_info() i";
}

std::string MakeTextsQuery(StatementsVersion version, std::string_view schema) {
    std::string sql = "SELECT s.userid, s.dbid, s.queryid, ";
    sql += TopLevel(version);
    sql += ", pg_catalog.left(s.query, " + std::to_string(kMaxTextChars) + ") FROM ";
    sql += schema;
    sql +=
        ".pg_stat_statements(true) s"
        " WHERE s.queryid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[])"
        " AND s.query IS NOT NULL";
    return sql;
}

std::string QueryIdArray(std::span<const int64_t> ids) {
    std::string array = "{";
    for (const int64_t id : ids) {
        if (array.size() > 1) array += ',';
        array += std::to_string(id);
    }
    return array + "}";
}

}  // namespace pganalytics::collector
