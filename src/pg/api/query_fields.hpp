// Query fields: reads the parameters of a query string, which is encoded as HTML forms are.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// QueryField is a parameter that a query may have. `value` is NUL-terminated and in the current
// memory context; nullptr if the parameter is absent or empty.
struct QueryField {
    const char* name;
    const char* value;
};

// ReadQueryFields reads a query. The query may have only these parameters, each at most once. If
// the query is wrong, it returns false with one sentence in *why, which names the parameter.
bool ReadQueryFields(std::string_view query, QueryField* fields, int count, const char** why);

// ParseCount reads a decimal number that has no sign and is at most `most`. It returns false for
// anything else.
bool ParseCount(const char* text, int64 most, int64* count);

// ParseInstant reads a time in RFC 3339 format, or a date, which means midnight. A time without an
// offset is in UTC. It returns false for anything else.
bool ParseInstant(const char* text, TimestampTz* instant);

}  // namespace pganalytics::pg
