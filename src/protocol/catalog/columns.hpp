// Metric catalog: short names for kinds of columns. The files with the entries of the catalog
// include this header.
#pragma once

#include "protocol/catalog/types.hpp"

namespace pganalytics::protocol {

inline constexpr Column kSampledAtColumn = {
    "sampled_at", "timestamp", ColumnType::kTimestamp, ColumnRole::kTime, Scope::kMetric, true};
// The database of a metric is a field of the metric (kDatabaseField) or the name of a member of its
// object "databases" (kDatabaseKey).
inline constexpr Column kDatabaseField = {
    "database", "database", ColumnType::kText, ColumnRole::kDatabase, Scope::kMetric, true};
inline constexpr Column kDatabaseKey = {
    "database", "", ColumnType::kText, ColumnRole::kDatabase, Scope::kMember, true};

constexpr Column Cell(std::string_view name, std::string_view key, ColumnType type, ColumnRole role,
                      Content content = Content::kNames) {
    return {name, key, type, role, Scope::kRow, false, content};
}

constexpr Column Label(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kText, ColumnRole::kIdentity);
}
constexpr Column Count(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kInt8, ColumnRole::kCounter);
}
constexpr Column Millis(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kFloat8, ColumnRole::kCounter);
}
constexpr Column Integer(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kInt8, ColumnRole::kValue);
}
constexpr Column Number(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kFloat8, ColumnRole::kValue);
}
constexpr Column Flag(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kBool, ColumnRole::kValue);
}
constexpr Column Instant(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kTimestamp, ColumnRole::kValue);
}
constexpr Column Text(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kText, ColumnRole::kValue);
}
constexpr Column Lsn(std::string_view name, std::string_view key) {
    return Cell(name, key, ColumnType::kLsn, ColumnRole::kValue);
}
// Sql and Message are for texts with values of users in them; so is Json, whose content decides.
constexpr Column Sql(std::string_view name) {
    return Cell(name, name, ColumnType::kText, ColumnRole::kValue, Content::kSql);
}
constexpr Column Message(std::string_view name) {
    return Cell(name, name, ColumnType::kText, ColumnRole::kValue, Content::kMessage);
}
constexpr Column Json(std::string_view name, std::string_view key, Content content) {
    return Cell(name, key, ColumnType::kJson, ColumnRole::kValue, content);
}

// These are for columns whose JSON key is also their SQL name.
constexpr Column Label(std::string_view name) { return Label(name, name); }
constexpr Column Count(std::string_view name) { return Count(name, name); }
constexpr Column Millis(std::string_view name) { return Millis(name, name); }
constexpr Column Integer(std::string_view name) { return Integer(name, name); }
constexpr Column Number(std::string_view name) { return Number(name, name); }
constexpr Column Flag(std::string_view name) { return Flag(name, name); }
constexpr Column Instant(std::string_view name) { return Instant(name, name); }
constexpr Column Text(std::string_view name) { return Text(name, name); }
constexpr Column Lsn(std::string_view name) { return Lsn(name, name); }

}  // namespace pganalytics::protocol
