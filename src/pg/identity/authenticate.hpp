// Authenticate: finds in the tables which collector a Credential names, and decides whether this
// collector is admitted now.
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

// Reason returns the text that a refused client gets, with status 403.
std::string_view Reason(AuthResult result);

// CountAuthRefusal counts a refusal for the audit log (audit/refusals.hpp). For kGood it does
// nothing.
void CountAuthRefusal(AuthResult result, const protocol::Credential& credential);

// Holder is the collector that sends a request.
struct Holder {
    core::Uuid collector_id;
    uint32 max_queries_per_db;      // the collector's own limit, or else the setting
    TimestampTz tokens_valid_from;  // signed tokens issued earlier are refused
};

// Authenticate finds the collector that a credential names, with one look-up in an index, and
// checks that the collector is admitted now. Everything that the credential shows must be valid and
// name the same collector. A signed token may have expired up to `grace_s` seconds ago. *holder is
// set only if the result is kGood. Raises any ERROR of its statement. REQUIRES: SPI connected.
AuthResult Authenticate(const protocol::Credential& credential, Holder* holder, int64 grace_s = 0);

// Admit is Authenticate for an AuthRequest, the first request on a connection. If another authority
// issues the collectors' certificates (IssuesToCollectors() is false), the table may not have the
// certificate of the request yet. Admit then adds it, provided that everything else is valid.
// REQUIRES: SPI connected; a transaction that may write.
AuthResult Admit(const protocol::AuthRequest& request, Holder* holder);

}  // namespace pganalytics::pg
