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

void RecordLogin(const ApiSession& session);
void RecordLoginFailed(const char* reason);
void RecordTokenRefreshed(const ApiSession& session);
void RecordPasswordChanged(const char* role);
// RecordReplay records that a refresh token was used a second time. It is a row of its own, however
// many other refusals there are: it ends a session, so each has cost a login.
void RecordReplay(const ApiSession& session);

// CountRefusedCall counts a refusal by its kind, the route and `actor` (audit/refusals.hpp).
void CountRefusedCall(const ApiCall& call, protocol::RefusalKind kind, const char* actor);

// RecordDeniedCall records an ERROR 42501 that the caller turns into an answer. It does nothing if
// a denial has been recorded since the caller read `recorded_before` from RecordedDenials().
void RecordDeniedCall(const ApiCall& call, const ErrorData& error, uint64 recorded_before);

}  // namespace pganalytics::pg
