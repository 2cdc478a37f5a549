// API: answers the requests at the port for people, each in a transaction of its own.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// AnswerApi answers a request. The answer lives in `context`. An ERROR becomes an answer; AnswerApi
// raises none.
// REQUIRES: no transaction in progress; the current role is that of the api worker.
protocol::ApiReply AnswerApi(const protocol::ApiRequest& request, MemoryContext context);

}  // namespace pganalytics::pg
