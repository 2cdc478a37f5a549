// Removes passwords from query texts.
#pragma once

#include <string>
#include <string_view>

namespace pganalytics::collector {

// RedactSecrets replaces each string constant that may be a secret with '***': a constant that
// follows the word PASSWORD, or that contains this word (a connection string). pg_stat_statements
// normalizes only the constants of queries. It stores CREATE ROLE, ALTER ROLE, CREATE USER MAPPING
// and CREATE SUBSCRIPTION as they were typed.
std::string RedactSecrets(std::string_view text);

}  // namespace pganalytics::collector
