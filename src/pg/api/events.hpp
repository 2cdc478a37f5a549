// API events: what the audit log is told of requests of people.
#pragma once

#include "pg/api/call.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// BeginApiEvents makes the person whom a request names the one who acts, until EndApiEvents.
void BeginApiEvents(const ApiCall& call);
void EndApiEvents();

// ShownName is a user's name as somebody has typed it. What is the name of no role may be a
// password in the wrong field: of that there is only the beginning. REQUIRES: a transaction.
const char* ShownName(const char* username);

void TellLogin(const ApiSession& session);
void TellLoginFailed(const char* reason);
void TellTokenRefreshed(const ApiSession& session);
void TellPasswordChanged(const char* role);
// A refresh token that came a second time.
void TellReplay(const ApiSession& session);

// TellCallRefused counts a refusal (audit/refusals.hpp) by route and who is named.
void TellCallRefused(const ApiCall& call, protocol::RefusalKind kind, const char* actor);

// TellDenied tells of an ERROR 42501 that became an answer, unless somebody has told of it since
// `told_before` (ToldDenials) was read.
void TellDenied(const ApiCall& call, const ErrorData& error, uint64 told_before);

}  // namespace pganalytics::pg
