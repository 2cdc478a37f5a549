#include "pg/api/call.hpp"

#include "pg/base/trouble.hpp"

namespace pganalytics::pg {

void RefuseCall(ApiCall* call, uint32_t status, const char* message) {
    *call->reply = {};
    call->reply->status = status;
    const std::string_view text = CutAnswer(message);
    MemoryContext const caller = MemoryContextSwitchTo(call->context);
    call->reply->body = {pnstrdup(text.data(), text.size()), text.size()};
    MemoryContextSwitchTo(caller);
}

void ReplyText(ApiCall* call, const char* content_type, const char* document) {
    if (strlen(document) > kMaxReplyBytes) {
        return RefuseCall(call, 503, "the answer is longer than an answer may be");
    }
    *call->reply = {};
    call->reply->status = 200;
    call->reply->content_type = content_type;
    call->reply->body = MemoryContextStrdup(call->context, document);
}

}  // namespace pganalytics::pg
