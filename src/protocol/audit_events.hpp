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

// AuditChoice: whether pganalytics.audit_kinds may leave a kind out. kRequired: all that protects
// the server or says who may do what, refusals, and changes of configuration. kOptional: routine.
enum class AuditChoice : bool { kRequired, kOptional };

// Each line has: NAME of AuditEvent::kNAME, severity, whether a rollback undoes the event (if so,
// the log records the rollback, too), AuditChoice, the event's name in the log, and its meaning.
#define PGANALYTICS_AUDIT_EVENTS(EVENT)                                                           \
    EVENT(Login, kInfo, false, kOptional, "auth.login", "a client has proved to be a role")       \
    EVENT(LoginFailed, kWarn, false, kRequired, "auth.login_failed",                              \
          "a client was refused: wrong password, no such role or database, no right to "          \
          "log in, or a limit")                                                                   \
    EVENT(Logout, kInfo, true, kOptional, "auth.logout",                                          \
          "a person has ended a session of the port for people")                                  \
    EVENT(TokenRefreshed, kInfo, false, kOptional, "auth.token_refreshed",                        \
          "a person or a collector has exchanged a token for the next")                           \
    EVENT(PasswordChanged, kInfo, true, kRequired, "auth.password_changed",                       \
          "the password of a role was set or removed")                                            \
    EVENT(SessionEnded, kWarn, true, kRequired, "auth.session_ended",                             \
          "a session of a person was ended by something else than its logout")                    \
    EVENT(SessionChanged, kWarn, true, kRequired, "auth.session_changed",                         \
          "what is on record of a session of a person was changed by hand")                       \
    EVENT(PermissionDenied, kWarn, false, kRequired, "access.denied",                             \
          "an object or a route was refused for want of a privilege")                             \
    EVENT(AccessViolation, kError, false, kRequired, "access.violation",                          \
          "a collector has spoken in the name of another, or with what belongs to "               \
          "another")                                                                              \
    EVENT(RoleCreated, kInfo, true, kRequired, "role.created", "a role was created")              \
    EVENT(RoleAltered, kInfo, true, kRequired, "role.altered",                                    \
          "attributes or settings of a role were changed")                                        \
    EVENT(RoleDropped, kInfo, true, kRequired, "role.dropped", "a role was dropped")              \
    EVENT(RoleGranted, kInfo, true, kRequired, "role.granted",                                    \
          "a role was made a member of another")                                                  \
    EVENT(RoleRevoked, kInfo, true, kRequired, "role.revoked",                                    \
          "a membership in a role was taken away")                                                \
    EVENT(PrivilegeGranted, kInfo, true, kRequired, "privilege.granted",                          \
          "privileges on objects were granted")                                                   \
    EVENT(PrivilegeRevoked, kInfo, true, kRequired, "privilege.revoked",                          \
          "privileges on objects were revoked")                                                   \
    EVENT(ObjectChanged, kInfo, true, kOptional, "ddl.executed",                                  \
          "an object was created, altered or dropped")                                            \
    EVENT(SettingAltered, kInfo, true, kRequired, "settings.altered",                             \
          "a setting was changed for the server, a database or a role")                           \
    EVENT(SettingReloaded, kInfo, false, kRequired, "settings.reloaded",                          \
          "a reload or a restart has changed the value of a setting")                             \
    EVENT(CollectorRegistered, kInfo, true, kRequired, "collector.registered",                    \
          "a collector was created, by an administrator or by a registration secret")             \
    EVENT(CollectorEnrolled, kInfo, true, kRequired, "collector.enrolled",                        \
          "a collector has got its certificate for a one-time token")                             \
    EVENT(CollectorUpdated, kInfo, true, kRequired, "collector.updated",                          \
          "a collector was enabled, disabled, renamed, or allowed to register again")             \
    EVENT(CollectorRemoved, kWarn, true, kRequired, "collector.removed",                          \
          "a collector was deleted; its rows are removed next")                                   \
    EVENT(CollectorForgotten, kInfo, true, kRequired, "collector.forgotten",                      \
          "the last row of a deleted collector was removed")                                      \
    EVENT(ServerRemoved, kWarn, true, kRequired, "server.removed",                                \
          "a monitored server was deleted; its rows are removed next")                            \
    EVENT(ServerForgotten, kInfo, true, kRequired, "server.forgotten",                            \
          "the last row of a deleted server was removed")                                         \
    EVENT(QueryTextForgotten, kWarn, true, kRequired, "query_text.forgotten",                     \
          "texts of queries were removed, or the record of that was changed by hand")             \
    EVENT(CollectorConfigured, kInfo, true, kRequired, "collector.configured",                    \
          "a limit of a collector was changed")                                                   \
    EVENT(TokenCreated, kInfo, true, kRequired, "token.created",                                  \
          "a token, a registration secret or a key for tokens was made")                          \
    EVENT(TokenUpdated, kWarn, true, kRequired, "token.updated",                                  \
          "a token, a registration secret or a key for tokens was changed by hand")               \
    EVENT(TokenRevoked, kInfo, true, kRequired, "token.revoked",                                  \
          "a token, a registration secret or a key for tokens was revoked")                       \
    EVENT(CertificateIssued, kInfo, true, kRequired, "certificate.issued",                        \
          "a certificate was issued, or put on record at its first use")                          \
    EVENT(CertificateRenewed, kInfo, true, kOptional, "certificate.renewed",                      \
          "a collector, or the server, has got its next certificate while the last was "          \
          "good")                                                                                 \
    EVENT(CertificateRevoked, kWarn, true, kRequired, "certificate.revoked",                      \
          "a certificate was revoked")                                                            \
    EVENT(CertificateExpired, kWarn, true, kRequired, "certificate.expired",                      \
          "a certificate has come to its end without a next one")                                 \
    EVENT(CertificateUpdated, kWarn, true, kRequired, "certificate.updated",                      \
          "what is on record of a certificate was changed by hand")                               \
    EVENT(CertificateRemoved, kWarn, true, kRequired, "certificate.removed",                      \
          "a certificate that had not expired was taken off the record")                          \
    EVENT(AlertRuleChanged, kWarn, true, kRequired, "alert.rule_changed",                         \
          "a rule of alerts was made, changed or removed")                                        \
    EVENT(AlertAcknowledged, kInfo, true, kOptional, "alert.acknowledged",                        \
          "somebody sees to an alert")                                                            \
    EVENT(AlertUnacknowledged, kInfo, true, kOptional, "alert.unacknowledged",                    \
          "nobody sees to an alert any more")                                                     \
    EVENT(AlertSilenced, kInfo, true, kRequired, "alert.silenced",                                \
          "alerts were silenced, or a silence was made longer or shorter")                        \
    EVENT(AlertSilenceEnded, kInfo, true, kRequired, "alert.silence_ended",                       \
          "a silence was ended before its time")                                                  \
    EVENT(AlertMaintenanceChanged, kInfo, true, kRequired, "alert.maintenance_changed",           \
          "a maintenance window was made, changed or removed")                                    \
    EVENT(AlertInhibitionChanged, kWarn, true, kRequired, "alert.inhibition_changed",             \
          "an inhibition of alerts was made, changed or removed")                                 \
    EVENT(AlertChannelChanged, kWarn, true, kRequired, "alert.channel_changed",                   \
          "a channel of alerts was made, changed or removed, or its secret was")                  \
    EVENT(RateLimited, kWarn, false, kRequired, "security.rate_limited",                          \
          "requests were refused because there were too many")                                    \
    EVENT(BypassAttempt, kError, false, kRequired, "security.bypass_attempt",                     \
          "a credential was shown that was forged, revoked, or used a second time")               \
    EVENT(SecurityConfigured, kWarn, true, kRequired, "security.configured",                      \
          "a setting that protects the server, its traffic or this log was changed")              \
    EVENT(RolledBack, kInfo, false, kRequired, "transaction.rolled_back",                         \
          "what the session told of since the transaction or savepoint began was undone")         \
    EVENT(AuditStarted, kInfo, false, kRequired, "audit.started",                                 \
          "the log is written from here on")                                                      \
    EVENT(AuditStopped, kWarn, false, kRequired, "audit.stopped", "the log is no longer written") \
    EVENT(AuditGap, kError, false, kRequired, "audit.gap",                                        \
          "events are missing, or rows are, and how many if that is known")                       \
    EVENT(AuditReplaced, kWarn, false, kRequired, "audit.replaced",                               \
          "the log stands in the place of another: the extension was created again, or the "      \
          "database is another")                                                                  \
    EVENT(AuditChangeRefused, kError, false, kRequired, "audit.change_refused",                   \
          "somebody has tried to change or remove rows of the log")                               \
    EVENT(AuditExpired, kInfo, false, kRequired, "audit.expired",                                 \
          "rows older than pganalytics.audit_log_retention were dropped")

enum class AuditEvent : uint16_t {
#define PGANALYTICS_AUDIT_ID(id, ...) k##id,
    PGANALYTICS_AUDIT_EVENTS(PGANALYTICS_AUDIT_ID)
#undef PGANALYTICS_AUDIT_ID
};

struct AuditEventKind {
    AuditSeverity severity;
    bool transactional;
    bool optional;
    std::string_view name;
    std::string_view meaning;
};

// kAuditEvents is in the order of AuditEvent.
inline constexpr AuditEventKind kAuditEvents[] = {
#define PGANALYTICS_AUDIT_KIND(id, severity, transactional, choice, name, meaning)                \
    {AuditSeverity::severity, transactional, AuditChoice::choice == AuditChoice::kOptional, name, \
     meaning},
    PGANALYTICS_AUDIT_EVENTS(PGANALYTICS_AUDIT_KIND)
#undef PGANALYTICS_AUDIT_KIND
};

constexpr const AuditEventKind& KindOf(AuditEvent event) {
    return kAuditEvents[static_cast<size_t>(event)];
}

}  // namespace pganalytics::protocol
