// Audit events: every kind of event that the audit log records, in one table. A new kind needs a
// line here, code that records it, and a row in docs/operate/audit.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pganalytics::protocol {

enum class AuditSeverity : uint8_t { kInfo, kWarn, kError };

constexpr std::string_view NameOf(AuditSeverity severity) {
    constexpr std::string_view kNames[] = {"INFO", "WARN", "ERROR"};
    return kNames[static_cast<size_t>(severity)];
}

// Each line has: NAME of AuditEvent::kNAME, severity, whether a rollback undoes the event (if so,
// the log records the rollback, too), the event's name in the log, and its meaning.
#define PGANALYTICS_AUDIT_EVENTS(EVENT)                                                            \
    EVENT(Login, kInfo, false, "auth.login", "a client has proved to be a role")                   \
    EVENT(LoginFailed, kWarn, false, "auth.login_failed",                                          \
          "a client was refused: wrong password, no such role or database, no right to log in, "   \
          "or a limit")                                                                            \
    EVENT(Logout, kInfo, true, "auth.logout",                                                      \
          "a person has ended a session of the port for people")                                   \
    EVENT(TokenRefreshed, kInfo, true, "auth.token_refreshed",                                     \
          "a person or a collector has exchanged a token for the next")                            \
    EVENT(PasswordChanged, kInfo, true, "auth.password_changed",                                   \
          "the password of a role was set or removed")                                             \
    EVENT(SessionEnded, kWarn, true, "auth.session_ended",                                         \
          "a session of a person was ended by something else than its logout")                     \
    EVENT(SessionChanged, kWarn, true, "auth.session_changed",                                     \
          "what is on record of a session of a person was changed by hand")                        \
    EVENT(PermissionDenied, kWarn, false, "access.denied",                                         \
          "an object or a route was refused for want of a privilege")                              \
    EVENT(AccessViolation, kError, false, "access.violation",                                      \
          "a collector has spoken in the name of another, or with what belongs to another")        \
    EVENT(RoleCreated, kInfo, true, "role.created", "a role was created")                          \
    EVENT(RoleAltered, kInfo, true, "role.altered",                                                \
          "attributes or settings of a role were changed")                                         \
    EVENT(RoleDropped, kInfo, true, "role.dropped", "a role was dropped")                          \
    EVENT(RoleGranted, kInfo, true, "role.granted", "a role was made a member of another")         \
    EVENT(RoleRevoked, kInfo, true, "role.revoked", "a membership in a role was taken away")       \
    EVENT(PrivilegeGranted, kInfo, true, "privilege.granted",                                      \
          "privileges on objects were granted")                                                    \
    EVENT(PrivilegeRevoked, kInfo, true, "privilege.revoked",                                      \
          "privileges on objects were revoked")                                                    \
    EVENT(ObjectChanged, kInfo, true, "ddl.executed", "an object was created, altered or dropped") \
    EVENT(SettingAltered, kInfo, true, "settings.altered",                                         \
          "a setting was changed for the server, a database or a role")                            \
    EVENT(SettingReloaded, kInfo, false, "settings.reloaded",                                      \
          "a reload or a restart has changed the value of a setting")                              \
    EVENT(CollectorRegistered, kInfo, true, "collector.registered",                                \
          "a collector was created, by an administrator or by a registration secret")              \
    EVENT(CollectorEnrolled, kInfo, true, "collector.enrolled",                                    \
          "a collector has got its certificate for a one-time token")                              \
    EVENT(CollectorUpdated, kInfo, true, "collector.updated",                                      \
          "a collector was enabled, disabled, renamed, or allowed to register again")              \
    EVENT(CollectorRemoved, kWarn, true, "collector.removed",                                      \
          "a collector was deleted; its rows are removed next")                                    \
    EVENT(CollectorForgotten, kInfo, true, "collector.forgotten",                                  \
          "the last row of a deleted collector was removed")                                       \
    EVENT(ServerRemoved, kWarn, true, "server.removed",                                            \
          "a monitored server was deleted; its rows are removed next")                             \
    EVENT(ServerForgotten, kInfo, true, "server.forgotten",                                        \
          "the last row of a deleted server was removed")                                          \
    EVENT(CollectorConfigured, kInfo, true, "collector.configured",                                \
          "a limit of a collector was changed")                                                    \
    EVENT(TokenCreated, kInfo, true, "token.created",                                              \
          "a token, a registration secret or a key for tokens was made")                           \
    EVENT(TokenUpdated, kWarn, true, "token.updated",                                              \
          "a token, a registration secret or a key for tokens was changed by hand")                \
    EVENT(TokenRevoked, kInfo, true, "token.revoked",                                              \
          "a token, a registration secret or a key for tokens was revoked")                        \
    EVENT(CertificateIssued, kInfo, true, "certificate.issued",                                    \
          "a certificate was issued, or put on record at its first use")                           \
    EVENT(CertificateRenewed, kInfo, true, "certificate.renewed",                                  \
          "a collector, or the server, has got its next certificate while the last was good")      \
    EVENT(CertificateRevoked, kWarn, true, "certificate.revoked", "a certificate was revoked")     \
    EVENT(CertificateExpired, kWarn, true, "certificate.expired",                                  \
          "a certificate has come to its end without a next one")                                  \
    EVENT(CertificateUpdated, kWarn, true, "certificate.updated",                                  \
          "what is on record of a certificate was changed by hand")                                \
    EVENT(CertificateRemoved, kWarn, true, "certificate.removed",                                  \
          "a certificate that had not expired was taken off the record")                           \
    EVENT(AlertRuleChanged, kWarn, true, "alert.rule_changed",                                     \
          "a rule of alerts was made, changed or removed")                                         \
    EVENT(AlertAcknowledged, kInfo, true, "alert.acknowledged", "somebody sees to an alert")       \
    EVENT(AlertUnacknowledged, kInfo, true, "alert.unacknowledged",                                \
          "nobody sees to an alert any more")                                                      \
    EVENT(AlertSilenced, kInfo, true, "alert.silenced",                                            \
          "alerts were silenced, or a silence was made longer or shorter")                         \
    EVENT(AlertSilenceEnded, kInfo, true, "alert.silence_ended",                                   \
          "a silence was ended before its time")                                                   \
    EVENT(AlertMaintenanceChanged, kInfo, true, "alert.maintenance_changed",                       \
          "a maintenance window was made, changed or removed")                                     \
    EVENT(AlertInhibitionChanged, kWarn, true, "alert.inhibition_changed",                         \
          "an inhibition of alerts was made, changed or removed")                                  \
    EVENT(AlertChannelChanged, kWarn, true, "alert.channel_changed",                               \
          "a channel of alerts was made, changed or removed, or its secret was")                   \
    EVENT(QueryTextForgotten, kWarn, true, "query_text.forgotten",                                 \
          "texts of queries were removed, or the record of that was changed by hand")              \
    EVENT(RateLimited, kWarn, false, "security.rate_limited",                                      \
          "requests were refused because there were too many")                                     \
    EVENT(BypassAttempt, kError, false, "security.bypass_attempt",                                 \
          "a credential was shown that was forged, revoked, or used a second time")                \
    EVENT(SecurityConfigured, kWarn, true, "security.configured",                                  \
          "a setting that protects the server, its traffic or this log was changed")               \
    EVENT(RolledBack, kInfo, false, "transaction.rolled_back",                                     \
          "what the session told of since the transaction or savepoint began was undone")          \
    EVENT(AuditStarted, kInfo, false, "audit.started", "the log is written from here on")          \
    EVENT(AuditStopped, kWarn, false, "audit.stopped", "the log is no longer written")             \
    EVENT(AuditGap, kError, false, "audit.gap",                                                    \
          "events are missing, or rows are, and how many if that is known")                        \
    EVENT(AuditReplaced, kWarn, false, "audit.replaced",                                           \
          "the log stands in the place of another: the extension was created again, or the "       \
          "database is another")                                                                   \
    EVENT(AuditChangeRefused, kError, false, "audit.change_refused",                               \
          "somebody has tried to change or remove rows of the log")                                \
    EVENT(AuditExpired, kInfo, false, "audit.expired",                                             \
          "rows older than pganalytics.audit_log_retention were dropped")

enum class AuditEvent : uint16_t {
#define PGANALYTICS_AUDIT_ID(id, ...) k##id,
    PGANALYTICS_AUDIT_EVENTS(PGANALYTICS_AUDIT_ID)
#undef PGANALYTICS_AUDIT_ID
};

struct AuditEventKind {
    AuditSeverity severity;
    bool transactional;
    std::string_view name;
    std::string_view meaning;
};

// kAuditEvents is in the order of AuditEvent.
inline constexpr AuditEventKind kAuditEvents[] = {
#define PGANALYTICS_AUDIT_KIND(id, severity, transactional, name, meaning) \
    {AuditSeverity::severity, transactional, name, meaning},
    PGANALYTICS_AUDIT_EVENTS(PGANALYTICS_AUDIT_KIND)
#undef PGANALYTICS_AUDIT_KIND
};

constexpr const AuditEventKind& KindOf(AuditEvent event) {
    return kAuditEvents[static_cast<size_t>(event)];
}

}  // namespace pganalytics::protocol
