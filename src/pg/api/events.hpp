// API events: records in the audit log what people do through the API.
#pragma once

#include "pg/api/call.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// BeginApiEvents sets the actor of all audit records until EndApiEvents: the person that the
// request names.
void BeginApiEvents(const ApiCall& call);
void EndApiEvents();

// ShownName returns a user's name as the audit log may show it. If no role has the name, it may be
// a password that was typed into the wrong field, so ShownName returns only its beginning.
// REQUIRES: a transaction.
const char* ShownName(const char* username);

void TellLogin(const ApiSession& session);
void TellLoginFailed(const char* reason);
void TellTokenRefreshed(const ApiSession& session);
void TellPasswordChanged(const char* role);
// TellReplay records that a refresh token was used a second time.
void TellReplay(const ApiSession& session);

// TellCallRefused counts a refusal by its kind, the route and `actor` (audit/refusals.hpp).
void TellCallRefused(const ApiCall& call, protocol::RefusalKind kind, const char* actor);

// TellDenied records an ERROR 42501 that the caller turns into an answer. It does nothing if a
// denial has been recorded since the caller read `told_before` from ToldDenials().
void TellDenied(const ApiCall& call, const ErrorData& error, uint64 told_before);

}  // namespace pganalytics::pg
