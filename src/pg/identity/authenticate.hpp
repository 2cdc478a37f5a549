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

// Authenticate finds the collector that a credential names, and checks that it is admitted now. It
// executes one statement, whose ERRORs it raises. A credential may have a certificate and tokens:
// all of them must be valid and name the same collector. A signed token is accepted until `grace_s`
// seconds after its expiry. *holder is set only if the result is kGood.
// REQUIRES: SPI connected.
AuthResult Authenticate(const protocol::Credential& credential, Holder* holder, int64 grace_s = 0);

// Admit authenticates an AuthRequest, the first request on a connection. It does the same as
// Authenticate, with one addition. If another authority issues the collectors' certificates
// (IssuesToCollectors() is false), the table may not have the request's certificate yet. If all
// else is valid, Admit then adds it.
// REQUIRES: SPI connected; a transaction that may write.
AuthResult Admit(const protocol::AuthRequest& request, Holder* holder);

}  // namespace pganalytics::pg
