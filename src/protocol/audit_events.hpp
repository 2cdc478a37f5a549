// Audit events: every kind of thing that the audit log tells of, in one table. A new kind is a line
// here, its source, and a row of docs/audit.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pganalytics::protocol {

enum class AuditEvent : uint16_t {
    kLogin,
    kLoginFailed,
    kLogout,
    kTokenRefreshed,
    kPasswordChanged,
    kSessionEnded,
    kSessionChanged,
    kPermissionDenied,
    kAccessViolation,
    kRoleCreated,
    kRoleAltered,
    kRoleDropped,
    kRoleGranted,
    kRoleRevoked,
    kPrivilegeGranted,
    kPrivilegeRevoked,
    kObjectChanged,
    kSettingAltered,
    kSettingReloaded,
    kCollectorRegistered,
    kCollectorEnrolled,
    kCollectorUpdated,
    kCollectorRemoved,
    kCollectorConfigured,
    kTokenCreated,
    kTokenUpdated,
    kTokenRevoked,
    kCertificateIssued,
    kCertificateRenewed,
    kCertificateRevoked,
    kCertificateExpired,
    kCertificateUpdated,
    kCertificateRemoved,
    kRateLimited,
    kBypassAttempt,
    kSecurityConfigured,
    kRolledBack,
    kAuditStarted,
    kAuditStopped,
    kAuditGap,
    kAuditChangeRefused,
    kAuditExpired,
};

enum class AuditSeverity : uint8_t { kInfo, kWarn, kError };

constexpr std::string_view NameOf(AuditSeverity severity) {
    constexpr std::string_view kNames[] = {"INFO", "WARN", "ERROR"};
    return kNames[static_cast<size_t>(severity)];
}

struct AuditEventKind {
    AuditEvent id;
    std::string_view name;
    AuditSeverity severity;
    bool transactional;  // undone by a rollback, which is then told of, too
    std::string_view meaning;
};

inline constexpr AuditEventKind kAuditEvents[] = {
    {AuditEvent::kLogin, "auth.login", AuditSeverity::kInfo, false,
     "a client has proved to be a role"},
    {AuditEvent::kLoginFailed, "auth.login_failed", AuditSeverity::kWarn, false,
     "a client was refused: wrong password, no such role or database, no right to log in, or a "
     "limit"},
    {AuditEvent::kLogout, "auth.logout", AuditSeverity::kInfo, true,
     "a person has ended a session of the port for people"},
    {AuditEvent::kTokenRefreshed, "auth.token_refreshed", AuditSeverity::kInfo, true,
     "a person or a collector has exchanged a token for the next"},
    {AuditEvent::kPasswordChanged, "auth.password_changed", AuditSeverity::kInfo, true,
     "the password of a role was set or removed"},
    {AuditEvent::kSessionEnded, "auth.session_ended", AuditSeverity::kWarn, true,
     "a session of a person was ended by something else than its logout"},
    {AuditEvent::kSessionChanged, "auth.session_changed", AuditSeverity::kWarn, true,
     "what is on record of a session of a person was changed by hand"},
    {AuditEvent::kPermissionDenied, "access.denied", AuditSeverity::kWarn, false,
     "an object or a route was refused for want of a privilege"},
    {AuditEvent::kAccessViolation, "access.violation", AuditSeverity::kError, false,
     "a collector has spoken in the name of another, or with what belongs to another"},
    {AuditEvent::kRoleCreated, "role.created", AuditSeverity::kInfo, true, "a role was created"},
    {AuditEvent::kRoleAltered, "role.altered", AuditSeverity::kInfo, true,
     "attributes or settings of a role were changed"},
    {AuditEvent::kRoleDropped, "role.dropped", AuditSeverity::kInfo, true, "a role was dropped"},
    {AuditEvent::kRoleGranted, "role.granted", AuditSeverity::kInfo, true,
     "a role was made a member of another"},
    {AuditEvent::kRoleRevoked, "role.revoked", AuditSeverity::kInfo, true,
     "a membership in a role was taken away"},
    {AuditEvent::kPrivilegeGranted, "privilege.granted", AuditSeverity::kInfo, true,
     "privileges on objects were granted"},
    {AuditEvent::kPrivilegeRevoked, "privilege.revoked", AuditSeverity::kInfo, true,
     "privileges on objects were revoked"},
    {AuditEvent::kObjectChanged, "ddl.executed", AuditSeverity::kInfo, true,
     "an object was created, altered or dropped"},
    {AuditEvent::kSettingAltered, "settings.altered", AuditSeverity::kInfo, true,
     "a setting was changed for the server, a database or a role"},
    {AuditEvent::kSettingReloaded, "settings.reloaded", AuditSeverity::kInfo, false,
     "a reload or a restart has changed the value of a setting"},
    {AuditEvent::kCollectorRegistered, "collector.registered", AuditSeverity::kInfo, true,
     "a collector was created, by an administrator or by a registration secret"},
    {AuditEvent::kCollectorEnrolled, "collector.enrolled", AuditSeverity::kInfo, true,
     "a collector has got its certificate for a one-time token"},
    {AuditEvent::kCollectorUpdated, "collector.updated", AuditSeverity::kInfo, true,
     "a collector was enabled, disabled, renamed, or allowed to register again"},
    {AuditEvent::kCollectorRemoved, "collector.removed", AuditSeverity::kWarn, true,
     "a collector was deleted"},
    {AuditEvent::kCollectorConfigured, "collector.configured", AuditSeverity::kInfo, true,
     "a limit of a collector was changed"},
    {AuditEvent::kTokenCreated, "token.created", AuditSeverity::kInfo, true,
     "a token, a registration secret or a key for tokens was made"},
    {AuditEvent::kTokenUpdated, "token.updated", AuditSeverity::kWarn, true,
     "a token, a registration secret or a key for tokens was changed by hand"},
    {AuditEvent::kTokenRevoked, "token.revoked", AuditSeverity::kInfo, true,
     "a token, a registration secret or a key for tokens was revoked"},
    {AuditEvent::kCertificateIssued, "certificate.issued", AuditSeverity::kInfo, true,
     "a certificate was issued"},
    {AuditEvent::kCertificateRenewed, "certificate.renewed", AuditSeverity::kInfo, true,
     "a collector, or the server, has got its next certificate while the last was good"},
    {AuditEvent::kCertificateRevoked, "certificate.revoked", AuditSeverity::kWarn, true,
     "a certificate was revoked"},
    {AuditEvent::kCertificateExpired, "certificate.expired", AuditSeverity::kWarn, true,
     "a certificate has come to its end without a next one"},
    {AuditEvent::kCertificateUpdated, "certificate.updated", AuditSeverity::kWarn, true,
     "what is on record of a certificate was changed by hand"},
    {AuditEvent::kCertificateRemoved, "certificate.removed", AuditSeverity::kWarn, true,
     "a certificate that had not expired was taken off the record"},
    {AuditEvent::kRateLimited, "security.rate_limited", AuditSeverity::kWarn, false,
     "requests were refused because there were too many"},
    {AuditEvent::kBypassAttempt, "security.bypass_attempt", AuditSeverity::kError, false,
     "a credential was shown that was forged, revoked, or used a second time"},
    {AuditEvent::kSecurityConfigured, "security.configured", AuditSeverity::kWarn, true,
     "a setting that protects the server, its traffic or this log was changed"},
    {AuditEvent::kRolledBack, "transaction.rolled_back", AuditSeverity::kInfo, false,
     "what the session told of since the transaction or savepoint began was undone"},
    {AuditEvent::kAuditStarted, "audit.started", AuditSeverity::kInfo, false,
     "the log is written from here on"},
    {AuditEvent::kAuditStopped, "audit.stopped", AuditSeverity::kWarn, false,
     "the log is no longer written"},
    {AuditEvent::kAuditGap, "audit.gap", AuditSeverity::kError, false,
     "events are missing, or rows are, and how many if that is known"},
    {AuditEvent::kAuditChangeRefused, "audit.change_refused", AuditSeverity::kError, false,
     "somebody has tried to change or remove rows of the log"},
    {AuditEvent::kAuditExpired, "audit.expired", AuditSeverity::kInfo, false,
     "rows older than pganalytics.audit_log_retention were dropped"},
};
inline constexpr size_t kAuditEventCount = sizeof(kAuditEvents) / sizeof(kAuditEvents[0]);

constexpr const AuditEventKind& KindOf(AuditEvent event) {
    return kAuditEvents[static_cast<size_t>(event)];
}

constexpr bool AuditEventsAreInOrder() {
    for (size_t i = 0; i < kAuditEventCount; ++i) {
        if (static_cast<size_t>(kAuditEvents[i].id) != i) return false;
    }
    return true;
}
static_assert(AuditEventsAreInOrder());

}  // namespace pganalytics::protocol
