// API: answers the requests of the port for people, each in a transaction of its own.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// AnswerApi answers a request; the answer lives in `context`. Never raises an ERROR.
// REQUIRES: no transaction in progress; the current role is that of the api worker.
protocol::ApiReply AnswerApi(const protocol::ApiRequest& request, MemoryContext context);

}  // namespace pganalytics::pg
