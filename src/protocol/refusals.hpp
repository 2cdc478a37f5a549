// Refusals: why a request is refused, as the audit log records it. Gateways and workers count
// refusals by these fields (core/tally.hpp), because a record for each refusal would fill the disk.
#pragma once

#include <cstring>
#include <string_view>

#include "core/address.hpp"
#include "core/types.hpp"
#include "protocol/audit_events.hpp"

namespace pganalytics::protocol {

enum class RefusalKind : uint32_t {
    // A gateway decides these.
    kAddressLimit,
    kCollectorLimit,
    kNothingShown,
    kTokenForged,
    kTokenExpired,
    kTokenNotBound,
    kTokenMismatch,
    kBodyMismatch,
    kCertificateForged,
    kCertificateRevoked,
    kCertificateExpired,
    kCertificateUnchecked,
    kCrowding,
    // A worker decides these.
    kTokenUnknown,
    kTokenRevoked,
    kTokenOfAnother,
    kPushOfAnother,
    kCollectorUnknown,
    kCollectorDisabled,
    kCertificateNotOnRecord,
    kCertificateOfAnother,
    kSecretUnknown,
    kSecretRevoked,
    kSecretExpired,
    kSecretUsed,
    kNameTaken,
    kTooManyRenewals,
    kLoginLimit,
    kSessionOver,
    kRefreshUnknown,
    kRoleNeeded,
    // Not a refusal: a collector gets its next token. This is counted here because it is as
    // frequent as refusals.
    kTokenRefreshed,
};

struct RefusalClass {
    RefusalKind kind;
    AuditEvent event;
    bool by_gateway;  // a gateway may report it
    std::string_view reason;
    // The name that sql/identity/enrollment.sql returns for this refusal. "": no SQL returns it.
    std::string_view name = {};
};

inline constexpr RefusalClass kRefusals[] = {
    {RefusalKind::kAddressLimit, AuditEvent::kRateLimited, true,
     "too many requests come from this address"},
    {RefusalKind::kCollectorLimit, AuditEvent::kRateLimited, true,
     "this collector sends too many requests"},
    {RefusalKind::kNothingShown, AuditEvent::kPermissionDenied, true,
     "nothing was shown that says who asks"},
    {RefusalKind::kTokenForged, AuditEvent::kBypassAttempt, true,
     "a signed token that was not issued here, or was changed"},
    {RefusalKind::kTokenExpired, AuditEvent::kPermissionDenied, true, "the token has expired"},
    {RefusalKind::kTokenNotBound, AuditEvent::kBypassAttempt, true,
     "a token without the certificate that it is bound to"},
    {RefusalKind::kTokenMismatch, AuditEvent::kAccessViolation, true,
     "the token and the certificate are of different collectors"},
    {RefusalKind::kBodyMismatch, AuditEvent::kAccessViolation, true,
     "the body names another collector than the credential"},
    {RefusalKind::kCertificateForged, AuditEvent::kBypassAttempt, true,
     "a certificate of an authority that is not trusted, or one that is not fit"},
    {RefusalKind::kCertificateRevoked, AuditEvent::kBypassAttempt, true,
     "a certificate that was revoked"},
    {RefusalKind::kCertificateExpired, AuditEvent::kPermissionDenied, true,
     "the certificate has expired or is not valid yet"},
    {RefusalKind::kCertificateUnchecked, AuditEvent::kPermissionDenied, true,
     "there is no list in force that says whether the certificate was revoked"},
    {RefusalKind::kCrowding, AuditEvent::kRateLimited, true,
     "too many connections wait for this client; the oldest are closed"},
    {RefusalKind::kTokenUnknown, AuditEvent::kBypassAttempt, false, "a token that is not known"},
    {RefusalKind::kTokenRevoked, AuditEvent::kBypassAttempt, false, "a token that was revoked"},
    {RefusalKind::kTokenOfAnother, AuditEvent::kAccessViolation, false,
     "the token is not known or of another collector than the certificate"},
    {RefusalKind::kPushOfAnother, AuditEvent::kAccessViolation, false,
     "the push comes from another collector than it names"},
    {RefusalKind::kCollectorUnknown, AuditEvent::kBypassAttempt, false,
     "a token of a collector that is not known"},
    {RefusalKind::kCollectorDisabled, AuditEvent::kPermissionDenied, false,
     "the collector is disabled", "collector_disabled"},
    {RefusalKind::kCertificateNotOnRecord, AuditEvent::kBypassAttempt, false,
     "a certificate that is not on record"},
    {RefusalKind::kCertificateOfAnother, AuditEvent::kAccessViolation, false,
     "a certificate that is on record for another collector"},
    {RefusalKind::kSecretUnknown, AuditEvent::kBypassAttempt, false,
     "a one-time token or registration secret that is not known", "secret_unknown"},
    {RefusalKind::kSecretRevoked, AuditEvent::kBypassAttempt, false,
     "a one-time token or registration secret that was revoked", "secret_revoked"},
    {RefusalKind::kSecretExpired, AuditEvent::kPermissionDenied, false,
     "the one-time token or registration secret has expired", "secret_expired"},
    {RefusalKind::kSecretUsed, AuditEvent::kBypassAttempt, false,
     "a one-time token or registration secret that was used as often as it may be", "secret_used"},
    {RefusalKind::kNameTaken, AuditEvent::kPermissionDenied, false,
     "a collector of this name exists", "name_taken"},
    {RefusalKind::kTooManyRenewals, AuditEvent::kRateLimited, false,
     "this collector asks for too many certificates", "too_many_renewals"},
    {RefusalKind::kLoginLimit, AuditEvent::kRateLimited, false, "too many wrong passwords"},
    {RefusalKind::kSessionOver, AuditEvent::kPermissionDenied, false, "the session has ended"},
    {RefusalKind::kRefreshUnknown, AuditEvent::kLoginFailed, false,
     "a refresh token of no session that goes on"},
    {RefusalKind::kRoleNeeded, AuditEvent::kPermissionDenied, false,
     "the role is no member of a role that may do this"},
    {RefusalKind::kTokenRefreshed, AuditEvent::kTokenRefreshed, false, ""},
};
inline constexpr size_t kRefusalKinds = sizeof(kRefusals) / sizeof(kRefusals[0]);

constexpr const RefusalClass& ClassOf(RefusalKind kind) {
    return kRefusals[static_cast<size_t>(kind)];
}

// RefusalNamed returns the class that the SQL functions call `name`; nullptr if there is none.
constexpr const RefusalClass* RefusalNamed(std::string_view name) {
    for (const RefusalClass& one : kRefusals) {
        if (!name.empty() && one.name == name) return &one;
    }
    return nullptr;
}

constexpr bool RefusalsAreInOrder() {
    for (size_t i = 0; i < kRefusalKinds; ++i) {
        if (static_cast<size_t>(kRefusals[i].kind) != i) return false;
    }
    return true;
}
static_assert(RefusalsAreInOrder());

// Refusal is the key by which refusals are counted. Keys are compared byte by byte, so the unused
// rest of each text must be zero. REQUIRES: initialise a Refusal with `= {}` and set its texts with
// SetText.
struct Refusal {
    RefusalKind kind;
    bool of_many;  // stands for refusals that have no place of their own in a tally
    core::Address address;
    core::Uuid collector;  // as the credential names it; zero: no credential names one
    char actor[64];        // the role of a person; "" for others
    char route[64];        // "POST /api/v1/metrics/push"; "" before there is a request

    size_t Kind() const { return static_cast<size_t>(kind); }
    // The owner is whoever has the address. A credential does not count: its sender chooses it.
    uint64_t Owner() const { return core::PackNetwork(core::NetworkOf(address)); }
    Refusal OfOwner() const {
        Refusal one = Rest();
        one.address = address;
        return one;
    }
    Refusal Rest() const {
        Refusal rest = {};
        rest.kind = kind;
        rest.of_many = true;
        return rest;
    }
    friend bool operator==(const Refusal& a, const Refusal& b) {
        return a.kind == b.kind && a.of_many == b.of_many && a.address == b.address &&
               a.collector == b.collector && std::memcmp(a.actor, b.actor, sizeof(a.actor)) == 0 &&
               std::memcmp(a.route, b.route, sizeof(a.route)) == 0;
    }
};

// SetText sets a text of a Refusal. It cuts the text to the size of the field and fills the rest
// with zeros.
template <size_t kSize>
void SetText(char (&field)[kSize], std::string_view text) {
    const size_t size = text.size() < kSize - 1 ? text.size() : kSize - 1;
    std::memset(field, 0, kSize);
    std::memcpy(field, text.data(), size);
}

// Refused is how a gateway tells its worker about requests that the gateway has refused by itself.
struct Refused {
    RefusalKind kind = RefusalKind::kAddressLimit;
    uint32_t of_many = 0;  // 1: as in Refusal
    uint64_t count = 0;
    core::Address address;
    core::Uuid collector;
    std::string_view route;

    static void VisitFields(auto& m, auto&& visit) {
        visit(m.kind, m.of_many, m.count, m.address, m.collector, m.route);
    }
};

}  // namespace pganalytics::protocol
