#include "pg/api/pages.hpp"

#include "pg/base/statement.hpp"

namespace pganalytics::pg {

bool ReadPage(const char* number, const char* size, ApiPage* page, const char** why) {
    *page = {};
    *why = "\"page\" is a number from 1 to 1000000";
    if (number != nullptr && (!ParseCount(number, 1000000, &page->number) || page->number == 0)) {
        return false;
    }
    *why = "\"page_size\" is a number from 1 to 1000";
    return size == nullptr || (ParseCount(size, kMaxPageSize, &page->size) && page->size > 0);
}

void ReplyPage(ApiCall* call, const ApiPage& page) {
    const int64 total = Int8Of(0, 1);
    const std::string_view rows = BytesOf(0, 2);
    // What stands around the rows has room, too.
    if (rows.size() > kMaxReplyBytes - 256) {
        return RefuseCall(call, 422, "\"page_size\" is too large for what is in this page");
    }
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoString(&out, "{\"data\":");
    appendBinaryStringInfo(&out, rows.data(), static_cast<int>(rows.size()));
    appendStringInfo(&out, ",\"total\":%lld,\"page\":%lld,\"page_size\":%lld,\"total_pages\":%lld}",
                     static_cast<long long>(total), static_cast<long long>(page.number),
                     static_cast<long long>(page.size),
                     static_cast<long long>((total + page.size - 1) / page.size));
    ReplyJson(call, out.data);
}

void ReplyDocument(ApiCall* call, const char* missing) {
    if (SPI_processed != 1) return RefuseCall(call, 404, missing);
    bool is_null = false;
    ReplyJson(call, TextDatumGetCString(CellOf(0, 1, &is_null)));
}

std::string_view PathSegment(const ApiCall& call) {
    std::string_view path = call.request->path;
    const std::string_view pattern = protocol::FindApiRoute(call.request->method, path)->path;
    const size_t star = pattern.find('*');
    path.remove_prefix(star);
    path.remove_suffix(pattern.size() - star - 1);
    return path;
}

bool ReadPathId(ApiCall* call, int64* id, const char* missing) {
    const std::string_view segment = PathSegment(*call);
    if (ParseCount(pnstrdup(segment.data(), segment.size()), PG_INT64_MAX / 20, id)) return true;
    RefuseCall(call, 404, missing);
    return false;
}

Datum TextOrNull(const char* text, bool* is_null) {
    *is_null = text == nullptr;
    return text == nullptr ? Datum{0} : CStringGetTextDatum(text);
}

}  // namespace pganalytics::pg
