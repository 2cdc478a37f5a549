// API pages: returns lists page by page, in the format that v3 clients know.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// ApiPage is the page of a list that a request asks for. The first page has the number 1.
struct ApiPage {
    int64 number;
    int64 size;

    int64 offset() const { return (number - 1) * size; }
};

// PageOf returns the page that the parameters "page" and "page_size" name.
ApiPage PageOf(const ApiCall& call);

// ReplyPage answers with {data, total, page, page_size, total_pages}. REQUIRES: the last statement
// selected one row with the total and the JSON array of the page.
void ReplyPage(ApiCall* call, const ApiPage& page);

// LinkBefore returns the link to the next page of a list that is paged by key: the path, the
// parameters except "offset", and "before". It encodes the values of the parameters again and
// copies nothing from the query string, which may encode a name or a value in more than one way.
char* LinkBefore(const ApiCall& call, int64 before);

// ReplyDocument answers with the JSON in the row that the last statement selected, or with 404 and
// `missing` if it selected none.
void ReplyDocument(ApiCall* call, const char* missing);

// PathSegment returns the part of the request's path that matches the "*" of the route's pattern.
std::string_view PathSegment(const ApiCall& call);

// ReadPathId reads the PathSegment as a number. If it is no number, ReadPathId answers 404 with
// `missing` and returns false.
bool ReadPathId(ApiCall* call, int64* id, const char* missing);

}  // namespace pganalytics::pg
