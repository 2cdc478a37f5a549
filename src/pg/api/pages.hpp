// API pages: lists that are given page by page, in the shape that v3's clients know.
#pragma once

#include "pg/api/call.hpp"
#include "pg/api/query_fields.hpp"

namespace pganalytics::pg {

inline constexpr int64 kDefaultPageSize = 100;
inline constexpr int64 kMaxPageSize = 1000;

// ApiPage is which page of a list is asked for, from 1.
struct ApiPage {
    int64 number = 1;
    int64 size = kDefaultPageSize;

    int64 offset() const { return (number - 1) * size; }
};

// ReadPage reads the parameters "page" and "page_size". False, with a sentence in *why, for bad
// ones.
bool ReadPage(const char* number, const char* size, ApiPage* page, const char** why);

// ReplyPage answers with {data, total, page, page_size, total_pages}. REQUIRES: the row that was
// selected last has the total and the JSON array of the page.
void ReplyPage(ApiCall* call, const ApiPage& page);

// ReplyDocument answers with the JSON in the row that was selected last; with 404 and `missing` if
// there is none.
void ReplyDocument(ApiCall* call, const char* missing);

// PathSegment gives what of the request's path stands where the route's pattern has its "*".
std::string_view PathSegment(const ApiCall& call);

// ReadPathId reads it as a number. False, after a refusal with 404, for anything else.
bool ReadPathId(ApiCall* call, int64* id, const char* missing);

// TextOrNull is an argument of a statement; nullptr is NULL.
Datum TextOrNull(const char* text, bool* is_null);

}  // namespace pganalytics::pg
