// Audit refusals: requests that were refused, told to the audit log by the count where somebody can
// cause them as often as he likes (core/tally.hpp).
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// ActForCollector is SetAuditSubject for a request of collectors: whom the credential names, which
// is to be shown yet.
void ActForCollector(const protocol::Credential& credential);

// TellRefusal counts one. `collector` is the one that was found, nullptr: whom the credential
// names.
void TellRefusal(protocol::RefusalKind kind, const protocol::Credential& credential,
                 const core::Uuid* collector = nullptr);
// The same of a person: `actor` is whom the request names, `address` as in ApiRequest, `route` as
// in "GET /api/v1/auth/me".
void TellRefusal(protocol::RefusalKind kind, const char* actor, const char* address,
                 const char* route);

// TakeRefused counts what a gateway has refused. False if it makes no sense.
bool TakeRefused(const protocol::Refused& refused, bool of_people);

// TellDueRefusals tells of those whose time has come; all of them at the end of a worker. Called in
// every turn of a worker.
void TellDueRefusals();
void TellAllRefusals();

}  // namespace pganalytics::pg
