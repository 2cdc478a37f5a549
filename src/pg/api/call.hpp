// API call: one request at the port for people, and the functions by which its handler answers.
#pragma once

#include "pg/api/inputs.hpp"
#include "pg/api/sessions.hpp"
#include "pg/base/prelude.hpp"
#include "pg/identity/login.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// This is the longest reply that a gateway accepts from its worker, less room for the message's
// other fields.
inline constexpr size_t kMaxReplyBytes = (size_t{1} << 20) - 20480;

// ApiCall is a request while it is answered. `session` and `person` are set if the route needs a
// login.
struct ApiCall {
    const protocol::ApiRequest* request;
    const protocol::ApiRoute* route;  // nullptr: no such route
    protocol::ApiReply* reply;
    MemoryContext context;  // owns what the reply points to
    MemoryContext secrets;  // for all work on passwords; overwritten at the end
    ApiSession session;
    LoginRole person;
    bool as_person;    // the handler runs with the person's privileges
    ApiInputs inputs;  // those from the body are allocated in `secrets`
};

// RefuseCall answers with an error and a message. ReplyText and ReplyJson answer 200 with a
// document, or 503 if it is longer than kMaxReplyBytes. All three copy their text.
void RefuseCall(ApiCall* call, uint32_t status, const char* message);
void ReplyText(ApiCall* call, const char* content_type, const char* document);
inline void ReplyJson(ApiCall* call, const char* document) {
    ReplyText(call, "application/json", document);
}

}  // namespace pganalytics::pg
