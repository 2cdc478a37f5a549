// API pages: lists that are given page by page, in the shape that v3's clients know.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// ApiPage is which page of a list is asked for, from 1.
struct ApiPage {
    int64 number;
    int64 size;

    int64 offset() const { return (number - 1) * size; }
};

// PageOf gives what the parameters "page" and "page_size" ask for.
ApiPage PageOf(const ApiCall& call);

// ReplyPage answers with {data, total, page, page_size, total_pages}. REQUIRES: the row that was
// selected last has the total and the JSON array of the page.
void ReplyPage(ApiCall* call, const ApiPage& page);

// LinkBefore gives the next page of a list that is paged by key: the path, with the parameters as
// they were read, but for "offset", and with "before". Nothing is taken from the text of the
// query: a name or a value may have been written there in more ways than one.
char* LinkBefore(const ApiCall& call, int64 before);

// ReplyDocument answers with the JSON in the row that was selected last; with 404 and `missing` if
// there is none.
void ReplyDocument(ApiCall* call, const char* missing);

// PathSegment gives what of the request's path stands where the route's pattern has its "*".
std::string_view PathSegment(const ApiCall& call);

// ReadPathId reads it as a number. False, after a refusal with 404, for anything else.
bool ReadPathId(ApiCall* call, int64* id, const char* missing);

}  // namespace pganalytics::pg
