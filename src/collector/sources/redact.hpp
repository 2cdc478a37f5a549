// Removes passwords from query texts.
#pragma once

#include <string>
#include <string_view>

namespace pganalytics::collector {

// RedactSecrets replaces string constants by '***': each one that follows the word PASSWORD, and
// each one that contains this word itself (a connection string). pg_stat_statements normalizes the
// constants of queries, but stores CREATE ROLE, ALTER ROLE, CREATE USER MAPPING and CREATE
// SUBSCRIPTION as they were typed.
std::string RedactSecrets(std::string_view text);

}  // namespace pganalytics::collector
