// API call: one request of the port for people, and what its handler does with it.
#pragma once

#include "pg/api/inputs.hpp"
#include "pg/api/sessions.hpp"
#include "pg/base/prelude.hpp"
#include "pg/identity/login.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// The longest reply that a gateway accepts from its worker, less the message's own fields.
inline constexpr size_t kMaxReplyBytes = (size_t{1} << 20) - 20480;

// ApiCall is one request being answered. `person` and `session` are set for routes that need a
// login.
struct ApiCall {
    const protocol::ApiRequest* request;
    const protocol::ApiRoute* route;  // nullptr: no such route
    protocol::ApiReply* reply;
    MemoryContext context;  // owns what the reply points to
    MemoryContext secrets;  // for work with passwords; overwritten at the end
    ApiSession session;
    LoginRole person;
    bool as_person;    // runs with the person's privileges
    ApiInputs inputs;  // those of the body live in `secrets`
};

// RefuseCall answers with an error; ReplyText and ReplyJson answer 200 with a document. All copy
// their text.
void RefuseCall(ApiCall* call, uint32_t status, const char* message);
void ReplyText(ApiCall* call, const char* content_type, const char* document);
inline void ReplyJson(ApiCall* call, const char* document) {
    ReplyText(call, "application/json", document);
}

}  // namespace pganalytics::pg
