// Removes passwords from query texts.
#pragma once

#include <string>
#include <string_view>

namespace pganalytics::collector {

// RedactSecrets replaces by '***' each string constant that follows the word PASSWORD or that
// itself contains it (a connection string). pg_stat_statements normalizes constants of queries but
// keeps CREATE ROLE, ALTER ROLE, CREATE USER MAPPING and CREATE SUBSCRIPTION as they were typed.
std::string RedactSecrets(std::string_view text);

}  // namespace pganalytics::collector
