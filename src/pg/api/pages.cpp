#include "pg/api/pages.hpp"

#include "pg/api/query_fields.hpp"
#include "pg/base/statement.hpp"

namespace pganalytics::pg {

ApiPage PageOf(const ApiCall& call) {
    return {call.inputs.At("page").integer, call.inputs.At("page_size").integer};
}

void ReplyPage(ApiCall* call, const ApiPage& page) {
    const int64 total = Int8Of(0, 1);
    const std::string_view rows = BytesOf(0, 2);
    // Leave 256 bytes for the members beside the rows.
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

char* LinkBefore(const ApiCall& call, int64 before) {
    StringInfoData out;
    initStringInfo(&out);
    appendBinaryStringInfo(&out, call.request->path.data(),
                           static_cast<int>(call.request->path.size()));
    appendStringInfoChar(&out, '?');
    for (int i = 0; i < call.inputs.count; ++i) {
        const ApiValue& value = call.inputs.values[i];
        const std::string_view name = value.input->name;
        if (!value.was_sent || name == "offset" || name == "before") continue;
        AppendParameter(&out, value);
        appendStringInfoChar(&out, '&');
    }
    appendStringInfo(&out, "before=%lld", static_cast<long long>(before));
    return out.data;
}

void ReplyDocument(ApiCall* call, const char* missing) {
    if (SPI_processed != 1) return RefuseCall(call, 404, missing);
    bool is_null = false;
    ReplyJson(call, TextDatumGetCString(CellOf(0, 1, &is_null)));
}

std::string_view PathSegment(const ApiCall& call) {
    std::string_view path = call.request->path;
    const std::string_view pattern = call.route->path;
    const size_t star = pattern.find('*');
    path.remove_prefix(star);
    path.remove_suffix(pattern.size() - star - 1);
    return path;
}

bool ReadPathId(ApiCall* call, int64* id, const char* missing) {
    const std::string_view segment = PathSegment(*call);
    if (ParseCount(pnstrdup(segment.data(), segment.size()), protocol::kMaxId, id)) return true;
    RefuseCall(call, 404, missing);
    return false;
}

}  // namespace pganalytics::pg
