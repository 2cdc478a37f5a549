#include "pg/api/sessions.hpp"

#include "core/hex.hpp"
#include "pg/base/digest.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

constexpr std::string_view kPrefix = "pgs_";
constexpr size_t kSecretBytes = 32;

Statement start_session = {
    "INSERT INTO pganalytics.api_sessions (session_id, role_oid, role_name, refresh_sha256, "
    "verifier_sha256, expires_at, address) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    7,
    {UUIDOID, OIDOID, NAMEOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID, TEXTOID},
    nullptr};
Statement find_session = {
    "SELECT role_oid, role_name, refresh_sha256, verifier_sha256, created_at, expires_at, "
    "refreshed_at BETWEEN pg_catalog.now() - interval '10 seconds' AND pg_catalog.now(), "
    "previous_sha256, next_masked FROM pganalytics.api_sessions "
    "WHERE session_id = $1 AND ended_at IS NULL AND expires_at > pg_catalog.now() FOR UPDATE",
    1,
    {UUIDOID},
    nullptr};
Statement next_token = {
    "UPDATE pganalytics.api_sessions SET refresh_sha256 = $2, previous_sha256 = $3, "
    "next_masked = $4, refreshed_at = pg_catalog.now(), last_used_at = pg_catalog.now() "
    "WHERE session_id = $1",
    4,
    {UUIDOID, BYTEAOID, BYTEAOID, BYTEAOID},
    nullptr};
Statement note_use = {
    "UPDATE pganalytics.api_sessions SET last_used_at = pg_catalog.now() "
    "WHERE session_id = $1 AND last_used_at < pg_catalog.now() - interval '1 minute'",
    1,
    {UUIDOID},
    nullptr};
Statement end_session = {
    "UPDATE pganalytics.api_sessions SET ended_at = pg_catalog.now(), end_reason = $2 "
    "WHERE session_id = $1",
    2,
    {UUIDOID, TEXTOID},
    nullptr};
Statement keep_session = {
    "UPDATE pganalytics.api_sessions SET verifier_sha256 = $2, last_used_at = pg_catalog.now() "
    "WHERE session_id = $1",
    2,
    {UUIDOID, BYTEAOID},
    nullptr};
Statement end_others = {
    "UPDATE pganalytics.api_sessions SET ended_at = pg_catalog.now(), end_reason = 'password' "
    "WHERE role_oid = $2 AND session_id <> $1 AND ended_at IS NULL",
    2,
    {UUIDOID, OIDOID},
    nullptr};

void DrawRandom(void* out, size_t size) {
    if (!pg_strong_random(out, size)) {
        ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw random bytes"));
    }
}

struct Secret {
    unsigned char bytes[kSecretBytes];
};
static_assert(sizeof(Secret) == sizeof(core::Sha256));

void WriteToken(const core::Uuid& session_id, const Secret& secret, RefreshToken* token) {
    memcpy(token->text, kPrefix.data(), kPrefix.size());
    char* const next =
        core::WriteHex(session_id.bytes, sizeof(session_id.bytes), token->text + kPrefix.size());
    *core::WriteHex(secret.bytes, sizeof(secret.bytes), next) = '\0';
}

// Mask masks or unmasks the secret of the token that follows `token`.
void Mask(std::string_view token, unsigned char* secret) {
    const std::string_view texts[] = {"next", token};
    const core::Sha256 mask = DigestTexts(texts, lengthof(texts));
    for (size_t i = 0; i < kSecretBytes; ++i) secret[i] ^= mask.bytes[i];
}

const char* NameOf(EndReason reason) {
    switch (reason) {
        case EndReason::kLogout:
            return "logout";
        case EndReason::kReplay:
            return "replay";
        case EndReason::kRole:
            return "role";
        case EndReason::kPassword:
            break;
    }
    return "password";
}

}  // namespace

void StartSession(const LoginRole& role, std::string_view address, ApiSession* session,
                  RefreshToken* token) {
    DrawRandom(session->session_id.bytes, sizeof(session->session_id.bytes));
    // Set the version and the variant bits of a random UUID (RFC 9562, version 4).
    session->session_id.bytes[6] = (session->session_id.bytes[6] & 0x0F) | 0x40;
    session->session_id.bytes[8] = (session->session_id.bytes[8] & 0x3F) | 0x80;
    Secret secret;
    DrawRandom(&secret, sizeof(secret));
    WriteToken(session->session_id, secret, token);
    explicit_bzero(&secret, sizeof(secret));
    session->role_oid = role.oid;
    session->role_name = role.name;
    session->refresh_sha256 = DigestBytes(token->text);
    session->verifier_sha256 = role.verifier_sha256;
    session->created_at = GetCurrentTransactionStartTimestamp();
    session->expires_at =
        session->created_at + static_cast<int64>(settings.api_session_lifetime_s) * USECS_PER_SEC;
    Datum values[] = {UuidDatum(session->session_id),
                      ObjectIdGetDatum(role.oid),
                      NameGetDatum(&session->role_name),
                      DigestDatum(session->refresh_sha256),
                      DigestDatum(session->verifier_sha256),
                      TimestampTzGetDatum(session->expires_at),
                      TextDatum(address)};
    Execute(&start_session, values);
}

bool FindSession(const core::Uuid& session_id, ApiSession* session) {
    *session = {};
    session->session_id = session_id;
    Datum values[] = {UuidDatum(session->session_id)};
    Execute(&find_session, values);
    if (SPI_processed != 1) return false;
    bool is_null = false;
    session->role_oid = DatumGetObjectId(CellOf(0, 1, &is_null));
    session->role_name = *DatumGetName(CellOf(0, 2, &is_null));
    session->refresh_sha256 = DigestOf(0, 3);
    session->verifier_sha256 = DigestOf(0, 4);
    session->created_at = DatumGetTimestampTz(CellOf(0, 5, &is_null));
    session->expires_at = DatumGetTimestampTz(CellOf(0, 6, &is_null));
    const bool in_grace = DatumGetBool(CellOf(0, 7, &is_null));
    session->in_grace = in_grace && !is_null;
    if (!session->in_grace) return true;
    session->previous_sha256 = DigestOf(0, 8);
    session->next_masked = DigestOf(0, 9);
    return true;
}

bool SessionOfToken(std::string_view token, core::Uuid* session_id) {
    if (token.size() != kRefreshTokenBytes || !token.starts_with(kPrefix)) return false;
    token.remove_prefix(kPrefix.size());
    for (size_t i = 0; i < token.size(); i += 2) {
        const int value = core::HexByte(token.data() + i);
        if (value < 0) return false;
        if (i / 2 < sizeof(session_id->bytes)) {
            session_id->bytes[i / 2] = static_cast<unsigned char>(value);
        }
    }
    return true;
}

bool IsNext(const ApiSession& session, std::string_view token) {
    return session.refresh_sha256 == DigestBytes(token);
}

void NextToken(const ApiSession& session, std::string_view token, RefreshToken* next) {
    Secret secret;
    DrawRandom(&secret, sizeof(secret));
    WriteToken(session.session_id, secret, next);
    Mask(token, secret.bytes);
    core::Sha256 masked;
    memcpy(masked.bytes, secret.bytes, sizeof(masked.bytes));
    Datum values[] = {UuidDatum(session.session_id), DigestDatum(DigestBytes(next->text)),
                      DigestDatum(DigestBytes(token)), DigestDatum(masked)};
    Execute(&next_token, values);
}

bool NextTokenAgain(const ApiSession& session, std::string_view token, RefreshToken* next) {
    if (!session.in_grace || session.previous_sha256 != DigestBytes(token)) return false;
    Secret secret;
    memcpy(secret.bytes, session.next_masked.bytes, sizeof(secret.bytes));
    Mask(token, secret.bytes);
    WriteToken(session.session_id, secret, next);
    explicit_bzero(&secret, sizeof(secret));
    return IsNext(session, next->text);
}

bool FitsRole(const ApiSession& session, const LoginRole& role, EndReason* why) {
    *why = session.role_oid == role.oid ? EndReason::kPassword : EndReason::kRole;
    return session.role_oid == role.oid && session.verifier_sha256 == role.verifier_sha256;
}

void NoteUse(const ApiSession& session) {
    Datum values[] = {UuidDatum(session.session_id)};
    Execute(&note_use, values);
}

void EndSession(const ApiSession& session, EndReason reason) {
    Datum values[] = {UuidDatum(session.session_id), CStringGetTextDatum(NameOf(reason))};
    Execute(&end_session, values);
}

void KeepSession(const ApiSession& session, const LoginRole& role) {
    Datum keep[] = {UuidDatum(session.session_id), DigestDatum(role.verifier_sha256)};
    Execute(&keep_session, keep);
    Datum others[] = {UuidDatum(session.session_id), ObjectIdGetDatum(role.oid)};
    Execute(&end_others, others);
}

}  // namespace pganalytics::pg
