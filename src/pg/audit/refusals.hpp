// Audit refusals: records refused requests. Anybody can cause them as often as they like, so they
// are counted and the counts are recorded (core/tally.hpp).
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// ActForCollector is SetAuditSubject for a collector's request. The subject is the collector that
// the credential names; whether the credential is valid is not known yet.
void ActForCollector(const protocol::Credential& credential);

// TellRefusal counts one refusal. `collector` is the one that was found; nullptr: the one that the
// credential names.
void TellRefusal(protocol::RefusalKind kind, const protocol::Credential& credential,
                 const core::Uuid* collector = nullptr);
// The same for a person's request: `actor` is the name in the request, `address` is as in
// ApiRequest, `route` is as in "GET /api/v1/auth/me".
void TellRefusal(protocol::RefusalKind kind, const char* actor, const char* address,
                 const char* route);

// TakeRefused counts what a gateway has refused. Returns false if the gateway's report is invalid.
bool TakeRefused(const protocol::Refused& refused, bool of_people);

// TellDueRefusals records the counts that are due; a worker calls it in every turn of its loop.
// TellAllRefusals records all counts; a worker calls it when it ends.
void TellDueRefusals();
void TellAllRefusals();

}  // namespace pganalytics::pg
