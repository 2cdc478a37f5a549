// API call: one request of the port for people, and what its handler does with it.
#pragma once

#include "pg/api/inputs.hpp"
#include "pg/api/sessions.hpp"
#include "pg/base/prelude.hpp"
#include "pg/identity/login.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// What a gateway takes from its worker, less a message's own fields.
inline constexpr size_t kMaxReplyBytes = (size_t{1} << 20) - 20480;

// ApiCall is one request on its way. `person` and `session` are filled for routes that need one.
struct ApiCall {
    const protocol::ApiRequest* request;
    const protocol::ApiRoute* route;  // nullptr: there is none
    protocol::ApiReply* reply;
    MemoryContext context;  // what the reply views lives here
    MemoryContext secrets;  // what is done with passwords; overwritten at the end
    ApiSession session;
    LoginRole person;
    bool as_person;    // the person's privileges count
    ApiInputs inputs;  // those of the body live in `secrets`
};

// RefuseCall answers with an error; ReplyText and ReplyJson with 200 and a document. All copy.
void RefuseCall(ApiCall* call, uint32_t status, const char* message);
void ReplyText(ApiCall* call, const char* content_type, const char* document);
inline void ReplyJson(ApiCall* call, const char* document) {
    ReplyText(call, "application/json", document);
}

}  // namespace pganalytics::pg
