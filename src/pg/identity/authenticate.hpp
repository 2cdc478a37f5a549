// Authenticate: whom a Credential names today, by the tables.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

enum class AuthResult {
    kGood,
    kNothingShown,
    kCertificateNeeded,  // pganalytics.mtls = required
    kTokenUnknown,
    kTokenExpired,
    kTokensRevoked,
    kTokenOfAnother,
    kCollectorUnknown,
    kCollectorDisabled,
    kCertificateNotOnRecord,
    kCertificateOfAnother,
    kCertificateExpired,
    kCertificateRevoked,
};

// Reason is what a refused client is told, with 403.
std::string_view Reason(AuthResult result);

// TellOfRefusal tells the audit log of it; of kGood nothing.
void TellOfRefusal(AuthResult result, const protocol::Credential& credential);

// Holder is who sends a request.
struct Holder {
    core::Uuid collector_id;
    uint32 max_queries_per_db;      // of this collector, else of all
    TimestampTz tokens_valid_from;  // signed tokens issued before are refused
};

// Authenticate finds the collector that a credential names, if it may come in now. All that the
// credential shows must be good and name the same collector. A signed token may have expired
// `grace_s` seconds ago. One look-up by an index; *holder is set with kGood alone.
// REQUIRES: SPI connected.
AuthResult Authenticate(const protocol::Credential& credential, Holder* holder, int64 grace_s = 0);

// Admit is Authenticate for the request that asks, before all others of a connection. If
// certificates come from the authority of an administrator, one that is not on record is put there,
// provided that everything else is good. REQUIRES: as Authenticate; a transaction that may write.
AuthResult Admit(const protocol::AuthRequest& request, Holder* holder);

}  // namespace pganalytics::pg
