// Query fields: the parameters of a request's query, as forms encode them.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// QueryField is a parameter that a query may have. `value` is filled, NUL-terminated, in the
// current memory context; nullptr: it is not there, or is empty.
struct QueryField {
    const char* name;
    const char* value;
};

// ReadQueryFields reads a query that has none but these parameters, each at most once. False, with
// one sentence in *why that names the parameter, if it does not.
bool ReadQueryFields(std::string_view query, QueryField* fields, int count, const char** why);

// ParseCount reads a decimal number without a sign up to `most`. False for anything else.
bool ParseCount(const char* text, int64 most, int64* count);

// ParseInstant reads a time as RFC 3339 has it, or a date, which is its midnight; UTC where there
// is no offset. False for anything else.
bool ParseInstant(const char* text, TimestampTz* instant);

}  // namespace pganalytics::pg
