// API handlers: health, logins, sessions and passwords.
#include "pg/api/handlers.hpp"

#include "pg/api/events.hpp"
#include "pg/audit/record.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/unix_time.hpp"
#include "pg/identity/rate_limits.hpp"
#include "pg/identity/tokens.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
}

namespace pganalytics::pg {
namespace {

constexpr size_t kMinPasswordBytes = 8;
// The message is the same for a role without a password and for a wrong password, so that nobody
// can tell the two apart.
constexpr char kBadLogin[] = "username or password is wrong";

// This runs with the person's privileges, so it returns the person's role and counts only the
// servers that the person may see.
Statement look_around = {
    "SELECT current_user, (SELECT pg_catalog.count(*) FROM pganalytics.servers)", 0, {}, nullptr};
Statement look = {"SELECT 1", 0, {}, nullptr};
// The view shows administrators all sessions, and anybody else only their own.
Statement list_sessions = {
    "SELECT pg_catalog.json_build_object('sessions', coalesce(pg_catalog.json_agg("
    "pg_catalog.json_build_object('session_id', s.session_id, 'username', s.role_name, "
    "'created_at', s.created_at, 'last_used_at', s.last_used_at, 'expires_at', s.expires_at, "
    "'address', s.address, 'current', s.session_id OPERATOR(pg_catalog.=) $1) "
    "ORDER BY s.created_at DESC, s.session_id), '[]'))::text "
    "FROM (SELECT * FROM pganalytics.sessions WHERE live "
    "ORDER BY created_at DESC, session_id LIMIT 1000) s",
    1,
    {UUIDOID},
    nullptr};
Statement end_sessions = {"SELECT pganalytics.end_sessions($1)", 1, {NAMEOID}, nullptr};

constexpr char kNoMember[] =
    "the role is no member of pganalytics_viewer, pganalytics_operator or pganalytics_admin";

// AppendTime writes a time in RFC 3339 format, in UTC, because a worker's time zone is UTC.
void AppendTime(StringInfo out, TimestampTz time) {
    char text[MAXDATELEN + 1];
    JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, nullptr);
    appendStringInfo(out, "\"%s\"", text);
}

// AppendRoles lists the roles that a person has. A higher role includes the lower ones.
void AppendRoles(StringInfo out, PersonLevel level) {
    constexpr const char* kNames[] = {"viewer", "operator", "admin"};
    appendStringInfoChar(out, '[');
    for (int i = 0; i < static_cast<int>(level); ++i) {
        appendStringInfo(out, "%s\"%s\"", i == 0 ? "" : ",", kNames[i]);
    }
    appendStringInfoChar(out, ']');
}

// AppendUser appends the members "username" and "roles" to an object.
void AppendUser(StringInfo out, const char* name, PersonLevel level) {
    appendStringInfoString(out, "\"username\":");
    escape_json(out, name);
    appendStringInfoString(out, ",\"roles\":");
    AppendRoles(out, level);
}

// ReplyTokens answers with the tokens of a session. If no token can be signed, it raises an ERROR,
// so that the session stays unchanged.
void ReplyTokens(ApiCall* call, const ApiSession& session, const LoginRole& role,
                 const RefreshToken& refresh) {
    protocol::TokenClaims claims;
    claims.audience = protocol::kApiAudience;
    claims.subject = NameStr(role.name);
    claims.session_id = session.session_id;
    claims.issued_at = UnixNow();
    claims.expires_at = Min(claims.issued_at + static_cast<int64>(settings.api_token_lifetime_s),
                            UnixOf(session.expires_at));
    std::string_view token;
    const char* why = nullptr;
    TimestampTz expires_at = 0;
    if (!SignToken(claims, &token, &why) || !FromUnix(claims.expires_at, &expires_at)) {
        ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                errmsg("could not sign a token: %s", why));
    }
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfo(&out, "{\"token\":\"%.*s\",\"token_type\":\"Bearer\",\"refresh_token\":\"%s\"",
                     static_cast<int>(token.size()), token.data(), refresh.text);
    appendStringInfoString(&out, ",\"expires_at\":");
    AppendTime(&out, expires_at);
    appendStringInfoString(&out, ",\"refresh_expires_at\":");
    AppendTime(&out, session.expires_at);
    appendStringInfoString(&out, ",\"user\":{");
    AppendUser(&out, NameStr(role.name), role.level);
    appendStringInfoString(&out, "}}");
    ReplyJson(call, out.data);
}

// TryPassword is CheckPassword with a limit on wrong attempts. It returns false after it has
// refused the call. Above the limit it answers 429; for a wrong password it answers `refusal` and
// `message`.
bool TryPassword(ApiCall* call, const char* name, const char* password, uint32_t refusal,
                 const char* message, LoginRole* role) {
    const char* const address =
        pnstrdup(call->request->address.data(), call->request->address.size());
    if (const uint32 wait = TakeLogin(name, address); wait > 0) {
        CountRefusedCall(*call, protocol::RefusalKind::kLoginLimit, ShownName(name));
        RefuseCall(call, 429, "too many wrong passwords; try again later");
        call->reply->retry_after_s = wait;
        return false;
    }
    MemoryContext const caller = MemoryContextSwitchTo(call->secrets);
    const bool right = CheckPassword(name, password, role);
    MemoryContextSwitchTo(caller);
    if (!right) {
        RecordLoginFailed("the name or the password is wrong, or the role may not log in");
        RefuseCall(call, refusal, message);
        return false;
    }
    ForgiveLogin(name, address);
    return true;
}

}  // namespace

// Health reports whether the database answers. It does not report the version, because strangers
// may ask.
void Health(ApiCall* call) {
    Execute(&look, nullptr);
    const TimestampTz now = GetCurrentTimestamp();
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoString(&out, "{\"status\":\"ok\",\"timestamp\":");
    AppendTime(&out, now);
    appendStringInfo(&out, ",\"uptime\":%lld,\"database_ok\":true}",
                     static_cast<long long>((now - PgStartTime) / USECS_PER_SEC));
    ReplyJson(call, out.data);
}

void Login(ApiCall* call) {
    const char* const username = call->inputs.At("username").text;
    const char* const password = call->inputs.At("password").text;
    SetAuditActor(ShownName(username));
    LoginRole role = {};
    if (!TryPassword(call, username, password, 401, kBadLogin, &role)) return;
    if (role.level == PersonLevel::kNone) {
        RecordLoginFailed(kNoMember);
        return RefuseCall(call, 403, kNoMember);
    }
    ApiSession session;
    RefreshToken refresh;
    StartSession(role, call->request->address, &session, &refresh);
    ReplyTokens(call, session, role, refresh);
    RecordLogin(session);
}

void Refresh(ApiCall* call) {
    const char* const token = call->inputs.At("refresh_token").text;
    constexpr char kGone[] = "the refresh token is not good (any more); log in again";
    core::Uuid session_id;
    ApiSession session;
    if (!SessionOfToken(token, &session_id) || !FindSession(session_id, &session)) {
        CountRefusedCall(*call, protocol::RefusalKind::kRefreshUnknown, "");
        return RefuseCall(call, 401, kGone);
    }
    SetAuditActor(NameStr(session.role_name));
    LoginRole role = {};
    EndReason why = EndReason::kReplay;
    RefreshToken next;
    const bool again = NextTokenAgain(session, token, &next);
    if (!(again || IsNext(session, token)) ||
        (why = EndReason::kRole, !FindLoginRole(NameStr(session.role_name), &role)) ||
        !FitsRole(session, role, &why)) {
        // If a refresh token comes a second time, and not at once, two parties hold it. One of them
        // has stolen it, and we cannot tell which. So end the session.
        if (why == EndReason::kReplay) RecordReplay(session);
        EndSession(session, why);
        return RefuseCall(call, 401, kGone);
    }
    if (role.level == PersonLevel::kNone) {
        RecordLoginFailed(kNoMember);
        return RefuseCall(call, 403, kNoMember);
    }
    if (!again) NextToken(session, token, &next);
    ReplyTokens(call, session, role, next);
    RecordTokenRefreshed(session);
}

void Logout(ApiCall* call) {
    EndSession(call->session, EndReason::kLogout);
    ReplyJson(call, "{\"status\":\"ok\"}");
}

// Me reports who the person is, and how many servers the person may see (by GRANTs and row
// security).
void Me(ApiCall* call) {
    Execute(&look_around, nullptr);
    bool is_null = false;
    const Name name = DatumGetName(CellOf(0, 1, &is_null));
    const int64 servers = Int8Of(0, 2);
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoChar(&out, '{');
    AppendUser(&out, NameStr(*name), call->person.level);
    appendStringInfo(
        &out, ",\"servers\":%lld,\"session\":{\"created_at\":", static_cast<long long>(servers));
    AppendTime(&out, call->session.created_at);
    appendStringInfoString(&out, ",\"expires_at\":");
    AppendTime(&out, call->session.expires_at);
    appendStringInfoString(&out, "}}");
    ReplyJson(call, out.data);
}

void ChangeOwnPassword(ApiCall* call) {
    const char* const old_password = call->inputs.At("old_password").text;
    const char* const new_password = call->inputs.At("new_password").text;
    LoginRole role = {};
    if (!TryPassword(call, NameStr(call->person.name), old_password, 403,
                     "the old password is wrong", &role)) {
        return;
    }
    MemoryContext const caller = MemoryContextSwitchTo(call->secrets);
    // Call IsVerifier in `secrets`, because it copies the password.
    const bool is_verifier = IsVerifier(new_password);
    MemoryContextSwitchTo(caller);
    if (strlen(new_password) < kMinPasswordBytes) {
        RefuseCall(call, 422, "\"new_password\" has at least 8 bytes");
    } else if (strcmp(old_password, new_password) == 0) {
        RefuseCall(call, 422, "\"new_password\" is another one than the old");
    } else if (is_verifier) {
        RefuseCall(call, 422, "\"new_password\" looks like a stored password");
    } else {
        MemoryContextSwitchTo(call->secrets);
        ChangePassword(&role, pstrdup(new_password));
        MemoryContextSwitchTo(caller);
        KeepSession(call->session, role);
        RecordPasswordChanged(NameStr(role.name));
        ReplyJson(call, "{\"status\":\"ok\"}");
    }
}

void Sessions(ApiCall* call) {
    Datum values[] = {PointerGetDatum(&call->session.session_id)};
    Execute(&list_sessions, values);
    bool is_null = false;
    ReplyJson(call, TextDatumGetCString(CellOf(0, 1, &is_null)));
}

void EndSessionsOfRole(ApiCall* call) {
    static_assert(protocol::kMaxRoleNameBytes == NAMEDATALEN - 1);
    const char* const username = call->inputs.At("username").text;
    Datum values[] = {DirectFunctionCall1(namein, CStringGetDatum(username))};
    Execute(&end_sessions, values);
    ReplyJson(call, psprintf("{\"ended\":%d}", Int4Of(0, 1)));
}

}  // namespace pganalytics::pg
