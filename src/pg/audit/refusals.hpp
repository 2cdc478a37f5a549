// Audit refusals: records refused requests. Anybody can cause any number of them, so equal refusals
// are counted (counted.hpp).
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/credential.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::pg {

// ActForCollector is SetAuditSubject for a collector's request. The subject is the collector that
// the credential names, although the credential has not been checked yet.
void ActForCollector(const protocol::Credential& credential);

// CountRefusal counts one refusal of a collector's request. `collector` is the collector whose
// request it was; nullptr: the one that the credential names.
void CountRefusal(protocol::RefusalKind kind, const protocol::Credential& credential,
                  const core::Uuid* collector = nullptr);
// This CountRefusal counts one refusal of a person's request. `actor` is the name in the request,
// `address` is as in ApiRequest, `route` is as in "GET /api/v1/auth/me".
void CountRefusal(protocol::RefusalKind kind, const char* actor, const char* address,
                  const char* route);

// TakeRefused counts the refusals that a gateway has reported. `of_people`: the gateway serves the
// port for people. Returns false if the report is invalid.
bool TakeRefused(const protocol::Refused& refused, bool of_people);

}  // namespace pganalytics::pg
