// API events: builds an audit record for each event.
#include "pg/api/events.hpp"

#include "core/hex.hpp"
#include "pg/audit/record.hpp"
#include "pg/audit/refusals.hpp"
#include "pg/audit/statements/message.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/acl.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

constexpr int kShownOfUnknownName = 6;

void RouteOf(const ApiCall& call, char* out, size_t size) {
    const std::string_view method = call.request->method;
    // Use the pattern of the route instead of the path, so that all refusals on a route are counted
    // together, whatever object they name. If the path is no route, use only its beginning.
    const std::string_view path = call.route == nullptr ? call.request->path : call.route->path;
    pg_snprintf(out, size, "%.*s %.*s", static_cast<int>(Min(method.size(), size_t{8})),
                method.data(), static_cast<int>(Min(path.size(), size_t{50})), path.data());
}

// SetSession names a session by the beginning of its id, as audit/token_changes.cpp does.
void SetSession(AuditRecord* record, const ApiSession& session) {
    char id[8 + 1];
    *core::WriteHex(session.session_id.bytes, 4, id) = '\0';
    SetAuditResource(record, "session", id);
}

void RecordSessionEvent(AuditEvent event, const ApiSession& session) {
    AuditRecord record;
    BeginAudit(&record, event);
    SetAuditText(record.actor, NameStr(session.role_name));
    SetSession(&record, session);
    PutAudit(record);
}

}  // namespace

void BeginApiEvents(const ApiCall& call) {
    const protocol::ApiRequest& request = *call.request;
    SetAuditSubject(AuditSource::kApi, request.role, request.address, request.request_id);
}

void EndApiEvents() { EndAuditSubject(); }

const char* ShownName(const char* username) {
    const int size = static_cast<int>(strlen(username));
    if (size <= kShownOfUnknownName || OidIsValid(get_role_oid(username, true))) return username;
    return psprintf("%.*s...", pg_mbcliplen(username, size, kShownOfUnknownName), username);
}

void RecordLogin(const ApiSession& session) { RecordSessionEvent(AuditEvent::kLogin, session); }

void RecordLoginFailed(const char* reason) {
    AuditRecord record;
    BeginAudit(&record, AuditEvent::kLoginFailed);
    record.outcome = AuditOutcome::kFailed;
    AddAuditDetail(&record, "reason", reason);
    PutAudit(record);
}

void RecordTokenRefreshed(const ApiSession& session) {
    RecordSessionEvent(AuditEvent::kTokenRefreshed, session);
}

void RecordPasswordChanged(const char* role) {
    AuditRecord record;
    BeginAudit(&record, AuditEvent::kPasswordChanged);
    SetAuditResource(&record, "role", role);
    PutAudit(record);
}

void RecordReplay(const ApiSession& session) {
    AuditRecord record;
    BeginAudit(&record, AuditEvent::kBypassAttempt);
    record.outcome = AuditOutcome::kDenied;
    SetAuditText(record.actor, NameStr(session.role_name));
    SetSession(&record, session);
    AddAuditDetail(&record, "reason", "a refresh token that was used before");
    PutAudit(record);
}

void CountRefusedCall(const ApiCall& call, protocol::RefusalKind kind, const char* actor) {
    char route[64];
    RouteOf(call, route, sizeof(route));
    CountRefusal(kind, actor, pnstrdup(call.request->address.data(), call.request->address.size()),
                 route);
}

void RecordDeniedCall(const ApiCall& call, const ErrorData& error, uint64 recorded_before) {
    if (RecordedDenials() != recorded_before) return;
    char route[64];
    RouteOf(call, route, sizeof(route));
    AuditRecord record;
    BeginAudit(&record, AuditEvent::kPermissionDenied);
    record.outcome = AuditOutcome::kDenied;
    DescribeDenial(error, &record);
    AddAuditDetail(&record, "route", route);
    PutAudit(record);
}

}  // namespace pganalytics::pg
