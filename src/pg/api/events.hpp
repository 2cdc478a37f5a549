// API events: records in the audit log what people do through the API.
#pragma once

#include "pg/api/call.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// BeginApiEvents makes the person whom a request names the actor of audit records, until
// EndApiEvents.
void BeginApiEvents(const ApiCall& call);
void EndApiEvents();

// ShownName is a user's name as typed. A name that no role has may be a password in the wrong
// field, so only its beginning is shown. REQUIRES: a transaction.
const char* ShownName(const char* username);

void TellLogin(const ApiSession& session);
void TellLoginFailed(const char* reason);
void TellTokenRefreshed(const ApiSession& session);
void TellPasswordChanged(const char* role);
// TellReplay records that a refresh token was used a second time.
void TellReplay(const ApiSession& session);

// TellCallRefused counts a refusal (audit/refusals.hpp) by route and by the actor named.
void TellCallRefused(const ApiCall& call, protocol::RefusalKind kind, const char* actor);

// TellDenied records an ERROR 42501 that became an answer, unless somebody has recorded a denial
// since `told_before` (ToldDenials) was read.
void TellDenied(const ApiCall& call, const ErrorData& error, uint64 told_before);

}  // namespace pganalytics::pg
