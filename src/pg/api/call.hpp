// API call: one request of the port for people, and what its handler does with it.
#pragma once

#include "pg/api/json_fields.hpp"
#include "pg/api/sessions.hpp"
#include "pg/base/prelude.hpp"
#include "pg/identity/login.hpp"
#include "protocol/api_routes.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// What a gateway takes from its worker, less a message's own fields.
inline constexpr size_t kMaxReplyBytes = (size_t{1} << 20) - 20480;

inline constexpr int kMaxApiFields = 12;

// ApiCall is one request on its way. `person` and `session` are filled for routes that need one.
struct ApiCall {
    const protocol::ApiRequest* request;
    protocol::ApiReply* reply;
    MemoryContext context;  // what the reply views lives here
    MemoryContext secrets;  // what is done with passwords; overwritten at the end
    ApiSession session;
    LoginRole person;
    bool as_person;                   // the person's privileges count
    JsonField fields[kMaxApiFields];  // of the body, once they were read; they live in `secrets`
};

// ApiHandler answers in the transaction that has let the request in. ERRORs become answers, too.
using ApiHandler = void (*)(ApiCall*);

// RunsAs: whose privileges count. kPerson is the rule: the role that has logged in, with GRANTs and
// row security, and with GET in a read-only transaction. kWorker is for what handles sessions.
// kAsker: as kPerson for a person, and those of the worker for a program, which has no role.
enum class RunsAs { kPerson, kWorker, kAsker };

struct ApiEntry {
    protocol::ApiRouteId id;
    RunsAs runs_as;
    ApiHandler handler;
};

// EntryOf gives what answers a route (api/handlers.cpp).
const ApiEntry& EntryOf(protocol::ApiRouteId id);

// ReadFields reads the body into call->fields, whose names and sizes are given; false after a
// refusal.
bool ReadFields(ApiCall* call, const JsonField* wanted, int count);

// RefuseCall answers with an error; ReplyText and ReplyJson with 200 and a document. All copy.
void RefuseCall(ApiCall* call, uint32_t status, const char* message);
void ReplyText(ApiCall* call, const char* content_type, const char* document);
inline void ReplyJson(ApiCall* call, const char* document) {
    ReplyText(call, "application/json", document);
}

}  // namespace pganalytics::pg
