// Audit events: every kind of thing that the audit log tells of, in one table. A new kind is a line
// here, its source, and a row of docs/operate/audit.md.
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
    kAlertRuleChanged,
    kAlertAcknowledged,
    kAlertUnacknowledged,
    kAlertSilenced,
    kAlertSilenceEnded,
    kAlertMaintenanceChanged,
    kAlertInhibitionChanged,
    kAlertChannelChanged,
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
    AuditSeverity severity;
    bool transactional;  // undone by a rollback, which is then told of, too
    std::string_view name;
    std::string_view meaning;
};

inline constexpr AuditEventKind kAuditEvents[] = {
    {AuditEvent::kLogin, AuditSeverity::kInfo, false, "auth.login",
     "a client has proved to be a role"},
    {AuditEvent::kLoginFailed, AuditSeverity::kWarn, false, "auth.login_failed",
     "a client was refused: wrong password, no such role or database, no right to log in, or a "
     "limit"},
    {AuditEvent::kLogout, AuditSeverity::kInfo, true, "auth.logout",
     "a person has ended a session of the port for people"},
    {AuditEvent::kTokenRefreshed, AuditSeverity::kInfo, true, "auth.token_refreshed",
     "a person or a collector has exchanged a token for the next"},
    {AuditEvent::kPasswordChanged, AuditSeverity::kInfo, true, "auth.password_changed",
     "the password of a role was set or removed"},
    {AuditEvent::kSessionEnded, AuditSeverity::kWarn, true, "auth.session_ended",
     "a session of a person was ended by something else than its logout"},
    {AuditEvent::kSessionChanged, AuditSeverity::kWarn, true, "auth.session_changed",
     "what is on record of a session of a person was changed by hand"},
    {AuditEvent::kPermissionDenied, AuditSeverity::kWarn, false, "access.denied",
     "an object or a route was refused for want of a privilege"},
    {AuditEvent::kAccessViolation, AuditSeverity::kError, false, "access.violation",
     "a collector has spoken in the name of another, or with what belongs to another"},
    {AuditEvent::kRoleCreated, AuditSeverity::kInfo, true, "role.created", "a role was created"},
    {AuditEvent::kRoleAltered, AuditSeverity::kInfo, true, "role.altered",
     "attributes or settings of a role were changed"},
    {AuditEvent::kRoleDropped, AuditSeverity::kInfo, true, "role.dropped", "a role was dropped"},
    {AuditEvent::kRoleGranted, AuditSeverity::kInfo, true, "role.granted",
     "a role was made a member of another"},
    {AuditEvent::kRoleRevoked, AuditSeverity::kInfo, true, "role.revoked",
     "a membership in a role was taken away"},
    {AuditEvent::kPrivilegeGranted, AuditSeverity::kInfo, true, "privilege.granted",
     "privileges on objects were granted"},
    {AuditEvent::kPrivilegeRevoked, AuditSeverity::kInfo, true, "privilege.revoked",
     "privileges on objects were revoked"},
    {AuditEvent::kObjectChanged, AuditSeverity::kInfo, true, "ddl.executed",
     "an object was created, altered or dropped"},
    {AuditEvent::kSettingAltered, AuditSeverity::kInfo, true, "settings.altered",
     "a setting was changed for the server, a database or a role"},
    {AuditEvent::kSettingReloaded, AuditSeverity::kInfo, false, "settings.reloaded",
     "a reload or a restart has changed the value of a setting"},
    {AuditEvent::kCollectorRegistered, AuditSeverity::kInfo, true, "collector.registered",
     "a collector was created, by an administrator or by a registration secret"},
    {AuditEvent::kCollectorEnrolled, AuditSeverity::kInfo, true, "collector.enrolled",
     "a collector has got its certificate for a one-time token"},
    {AuditEvent::kCollectorUpdated, AuditSeverity::kInfo, true, "collector.updated",
     "a collector was enabled, disabled, renamed, or allowed to register again"},
    {AuditEvent::kCollectorRemoved, AuditSeverity::kWarn, true, "collector.removed",
     "a collector was deleted"},
    {AuditEvent::kCollectorConfigured, AuditSeverity::kInfo, true, "collector.configured",
     "a limit of a collector was changed"},
    {AuditEvent::kTokenCreated, AuditSeverity::kInfo, true, "token.created",
     "a token, a registration secret or a key for tokens was made"},
    {AuditEvent::kTokenUpdated, AuditSeverity::kWarn, true, "token.updated",
     "a token, a registration secret or a key for tokens was changed by hand"},
    {AuditEvent::kTokenRevoked, AuditSeverity::kInfo, true, "token.revoked",
     "a token, a registration secret or a key for tokens was revoked"},
    {AuditEvent::kCertificateIssued, AuditSeverity::kInfo, true, "certificate.issued",
     "a certificate was issued, or put on record at its first use"},
    {AuditEvent::kCertificateRenewed, AuditSeverity::kInfo, true, "certificate.renewed",
     "a collector, or the server, has got its next certificate while the last was good"},
    {AuditEvent::kCertificateRevoked, AuditSeverity::kWarn, true, "certificate.revoked",
     "a certificate was revoked"},
    {AuditEvent::kCertificateExpired, AuditSeverity::kWarn, true, "certificate.expired",
     "a certificate has come to its end without a next one"},
    {AuditEvent::kCertificateUpdated, AuditSeverity::kWarn, true, "certificate.updated",
     "what is on record of a certificate was changed by hand"},
    {AuditEvent::kCertificateRemoved, AuditSeverity::kWarn, true, "certificate.removed",
     "a certificate that had not expired was taken off the record"},
    {AuditEvent::kAlertRuleChanged, AuditSeverity::kWarn, true, "alert.rule_changed",
     "a rule of alerts was made, changed or removed"},
    {AuditEvent::kAlertAcknowledged, AuditSeverity::kInfo, true, "alert.acknowledged",
     "somebody sees to an alert"},
    {AuditEvent::kAlertUnacknowledged, AuditSeverity::kInfo, true, "alert.unacknowledged",
     "nobody sees to an alert any more"},
    {AuditEvent::kAlertSilenced, AuditSeverity::kInfo, true, "alert.silenced",
     "alerts were silenced, or a silence was made longer or shorter"},
    {AuditEvent::kAlertSilenceEnded, AuditSeverity::kInfo, true, "alert.silence_ended",
     "a silence was ended before its time"},
    {AuditEvent::kAlertMaintenanceChanged, AuditSeverity::kInfo, true, "alert.maintenance_changed",
     "a maintenance window was made, changed or removed"},
    {AuditEvent::kAlertInhibitionChanged, AuditSeverity::kWarn, true, "alert.inhibition_changed",
     "an inhibition of alerts was made, changed or removed"},
    {AuditEvent::kAlertChannelChanged, AuditSeverity::kWarn, true, "alert.channel_changed",
     "a channel of alerts was made, changed or removed, or its secret was"},
    {AuditEvent::kRateLimited, AuditSeverity::kWarn, false, "security.rate_limited",
     "requests were refused because there were too many"},
    {AuditEvent::kBypassAttempt, AuditSeverity::kError, false, "security.bypass_attempt",
     "a credential was shown that was forged, revoked, or used a second time"},
    {AuditEvent::kSecurityConfigured, AuditSeverity::kWarn, true, "security.configured",
     "a setting that protects the server, its traffic or this log was changed"},
    {AuditEvent::kRolledBack, AuditSeverity::kInfo, false, "transaction.rolled_back",
     "what the session told of since the transaction or savepoint began was undone"},
    {AuditEvent::kAuditStarted, AuditSeverity::kInfo, false, "audit.started",
     "the log is written from here on"},
    {AuditEvent::kAuditStopped, AuditSeverity::kWarn, false, "audit.stopped",
     "the log is no longer written"},
    {AuditEvent::kAuditGap, AuditSeverity::kError, false, "audit.gap",
     "events are missing, or rows are, and how many if that is known"},
    {AuditEvent::kAuditChangeRefused, AuditSeverity::kError, false, "audit.change_refused",
     "somebody has tried to change or remove rows of the log"},
    {AuditEvent::kAuditExpired, AuditSeverity::kInfo, false, "audit.expired",
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
