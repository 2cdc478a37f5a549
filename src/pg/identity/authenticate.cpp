// Authenticate: looks up a collector with one statement for each kind of credential, and checks the
// row that the statement finds.
#include "pg/identity/authenticate.hpp"

#include "pg/audit/refusals.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/unix_time.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

using protocol::Credential;
using protocol::IsZero;

// The three find_ statements return the same columns. The last two columns describe a certificate.
// Only find_by_certificate sets them. A CHECK of the table ensures that only certificates of
// collectors have a collector_id.
Statement find_by_token = {
    "SELECT collector_id, enabled, max_queries_per_db, tokens_valid_from, token_sha256, "
    "NULL::pg_catalog.bool, NULL::pg_catalog.timestamptz "
    "FROM pganalytics.collectors WHERE token_sha256 = $1",
    1,
    {BYTEAOID},
    nullptr};
Statement find_by_id = {
    "SELECT collector_id, enabled, max_queries_per_db, tokens_valid_from, token_sha256, "
    "NULL::pg_catalog.bool, NULL::pg_catalog.timestamptz "
    "FROM pganalytics.collectors WHERE collector_id = $1",
    1,
    {UUIDOID},
    nullptr};
Statement find_by_certificate = {
    "SELECT c.collector_id, c.enabled, c.max_queries_per_db, c.tokens_valid_from, c.token_sha256, "
    "t.state = 'active', t.not_after "
    "FROM pganalytics.certificates t JOIN pganalytics.collectors c USING (collector_id) "
    "WHERE t.sha256 = $1",
    1,
    {BYTEAOID},
    nullptr};
Statement record_certificate = {
    "INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, "
    "collector_id, subject, not_before, not_after, pem) VALUES ($1, $2, $3, $4, 'collector', $5, "
    "$6, $7, $8, '-----BEGIN CERTIFICATE-----' || E'\\n' || pg_catalog.regexp_replace("
    "pg_catalog.translate(pg_catalog.encode($9, 'base64'), E'\\n', ''), '(.{64})(?=.)', "
    "E'\\\\1\\n', 'g') || E'\\n' || '-----END CERTIFICATE-----' || E'\\n') ON CONFLICT DO NOTHING",
    9,
    {TEXTOID, TEXTOID, BYTEAOID, BYTEAOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
     BYTEAOID},
    nullptr};

// Row is the collector that a statement found, with its certificate if the statement looked for
// one.
struct Row {
    Holder holder;
    bool enabled;
    core::Sha256 token_sha256;  // zero: the collector has no long-lived token
    bool certificate_active;
    TimestampTz certificate_ends;
};

bool Find(Statement* statement, Datum key, Row* row) {
    Datum values[] = {key};
    Execute(statement, values);
    if (SPI_processed == 0) return false;
    bool is_null = false;
    *row = {};
    row->holder.collector_id = UuidOf(0, 1);
    row->enabled = BoolOf(0, 2);
    const int32 limit = DatumGetInt32(CellOf(0, 3, &is_null));
    row->holder.max_queries_per_db =
        static_cast<uint32>(is_null ? settings.max_queries_per_db : limit);
    row->holder.tokens_valid_from = DatumGetTimestampTz(CellOf(0, 4, &is_null));
    row->token_sha256 = DigestOf(0, 5);
    row->certificate_active = BoolOf(0, 6);
    row->certificate_ends = DatumGetTimestampTz(CellOf(0, 7, &is_null));
    return true;
}

// JudgeToken checks the token of a credential against the collector that was found. Without a token
// it returns kGood.
AuthResult JudgeToken(const Credential& credential, const Row& row, int64 grace_s) {
    if (!IsZero(credential.token_sha256) && !(credential.token_sha256 == row.token_sha256)) {
        return AuthResult::kTokenOfAnother;
    }
    if (IsZero(credential.token_subject)) return AuthResult::kGood;
    if (!(credential.token_subject == row.holder.collector_id)) return AuthResult::kTokenOfAnother;
    TimestampTz issued_at = 0;
    TimestampTz expires_at = 0;
    if (!FromUnix(credential.token_issued_at, &issued_at) ||
        !FromUnix(credential.token_expires_at, &expires_at) ||
        expires_at + grace_s * USECS_PER_SEC <= GetCurrentTimestamp()) {
        return AuthResult::kTokenExpired;
    }
    if (issued_at < row.holder.tokens_valid_from) return AuthResult::kTokensRevoked;
    return AuthResult::kGood;
}

AuthResult Judge(const Credential& credential, const Row& row, int64 grace_s) {
    if (!row.enabled) return AuthResult::kCollectorDisabled;
    return JudgeToken(credential, row, grace_s);
}

AuthResult JudgeCertificate(const Credential& credential, const Row& row) {
    if (!row.certificate_active) return AuthResult::kCertificateRevoked;
    // The TLS handshake has checked the expiry, but that may be a while ago.
    if (row.certificate_ends <= GetCurrentTimestamp()) return AuthResult::kCertificateExpired;
    if (!(credential.certificate_subject == row.holder.collector_id)) {
        return AuthResult::kCertificateOfAnother;
    }
    return AuthResult::kGood;
}

AuthResult Look(const Credential& credential, int64 grace_s, Row* row) {
    const bool has_certificate = !IsZero(credential.certificate_sha256);
    const bool has_opaque = !IsZero(credential.token_sha256);
    const bool has_signed = !IsZero(credential.token_subject);
    if (!has_certificate && !has_opaque && !has_signed) return AuthResult::kNothingShown;
    // Gateways check this too. But after a reload, a gateway with the former settings may still
    // run.
    if (!has_certificate && settings.mtls == static_cast<int>(protocol::Mtls::kRequired)) {
        return AuthResult::kCertificateNeeded;
    }
    if (has_certificate) {
        const Datum sha256 = DigestDatum(credential.certificate_sha256);
        if (!Find(&find_by_certificate, sha256, row)) return AuthResult::kCertificateNotOnRecord;
        const AuthResult certificate = JudgeCertificate(credential, *row);
        if (certificate != AuthResult::kGood) return certificate;
    } else if (has_opaque) {
        const Datum sha256 = DigestDatum(credential.token_sha256);
        if (!Find(&find_by_token, sha256, row)) return AuthResult::kTokenUnknown;
    } else if (!Find(&find_by_id, UuidDatum(credential.token_subject), row)) {
        return AuthResult::kCollectorUnknown;
    }
    return Judge(credential, *row, grace_s);
}

bool IsHex(std::string_view text, size_t most) {
    for (const char c : text) {
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return !text.empty() && text.size() <= most;
}

// Record adds the certificate of a request to the table. It returns false if the certificate's data
// is invalid, or if the table already has this certificate or its serial number.
bool Record(const protocol::AuthRequest& request) {
    constexpr size_t kMaxSubjectBytes = 2048;
    constexpr size_t kMaxCertificateBytes = 65536;
    TimestampTz not_before = 0;
    TimestampTz not_after = 0;
    const std::string_view subject = request.subject;
    if (!IsHex(request.serial, 40) || !IsHex(request.issuer, 128) ||
        !FromUnix(request.not_before, &not_before) || !FromUnix(request.not_after, &not_after) ||
        subject.size() > kMaxSubjectBytes || request.certificate.empty() ||
        request.certificate.size() > kMaxCertificateBytes ||
        !pg_verify_mbstr(PG_UTF8, subject.data(), static_cast<int>(subject.size()), true)) {
        return false;
    }
    const Credential& shown = request.credential;
    Datum values[] = {TextDatum(request.serial),
                      TextDatum(request.issuer),
                      DigestDatum(shown.certificate_sha256),
                      DigestDatum(shown.spki_sha256),
                      UuidDatum(shown.certificate_subject),
                      TextDatum(subject),
                      TimestampTzGetDatum(not_before),
                      TimestampTzGetDatum(not_after),
                      BytesDatum(request.certificate)};
    Execute(&record_certificate, values);
    return SPI_processed == 1;
}

}  // namespace

std::string_view Reason(AuthResult result) {
    switch (result) {
        case AuthResult::kGood:
            return "";
        case AuthResult::kNothingShown:
            return "a client certificate or a bearer token is needed";
        case AuthResult::kCertificateNeeded:
            return "a client certificate is needed";
        case AuthResult::kTokenUnknown:
            return "token is not known";
        case AuthResult::kTokenExpired:
            return "token has expired";
        case AuthResult::kTokensRevoked:
            return "token was revoked";
        case AuthResult::kTokenOfAnother:
            return "token is not known or belongs to another collector than the certificate";
        case AuthResult::kCollectorUnknown:
            return "collector is not known";
        case AuthResult::kCollectorDisabled:
            return "collector is disabled";
        case AuthResult::kCertificateNotOnRecord:
            return "client certificate is not on record";
        case AuthResult::kCertificateOfAnother:
            return "client certificate is on record for another collector";
        case AuthResult::kCertificateExpired:
            return "client certificate has expired";
        case AuthResult::kCertificateRevoked:
            return "client certificate was revoked";
    }
    return "";
}

void CountAuthRefusal(AuthResult result, const Credential& credential) {
    using protocol::RefusalKind;
    RefusalKind kind = RefusalKind::kNothingShown;
    switch (result) {
        case AuthResult::kGood:
            return;
        case AuthResult::kNothingShown:
        case AuthResult::kCertificateNeeded:
            break;
        case AuthResult::kTokenUnknown:
            kind = RefusalKind::kTokenUnknown;
            break;
        case AuthResult::kTokenExpired:
            kind = RefusalKind::kTokenExpired;
            break;
        case AuthResult::kTokensRevoked:
            kind = RefusalKind::kTokenRevoked;
            break;
        case AuthResult::kTokenOfAnother:
            kind = RefusalKind::kTokenOfAnother;
            break;
        case AuthResult::kCollectorUnknown:
            kind = RefusalKind::kCollectorUnknown;
            break;
        case AuthResult::kCollectorDisabled:
            kind = RefusalKind::kCollectorDisabled;
            break;
        case AuthResult::kCertificateNotOnRecord:
            kind = RefusalKind::kCertificateNotOnRecord;
            break;
        case AuthResult::kCertificateOfAnother:
            kind = RefusalKind::kCertificateOfAnother;
            break;
        case AuthResult::kCertificateExpired:
            kind = RefusalKind::kCertificateExpired;
            break;
        case AuthResult::kCertificateRevoked:
            kind = RefusalKind::kCertificateRevoked;
            break;
    }
    CountRefusal(kind, credential);
}

AuthResult Authenticate(const Credential& credential, Holder* holder, int64 grace_s) {
    Row row;
    const AuthResult result = Look(credential, grace_s, &row);
    if (result == AuthResult::kGood) *holder = row.holder;
    return result;
}

AuthResult Admit(const protocol::AuthRequest& request, Holder* holder) {
    const Credential& credential = request.credential;
    const AuthResult result = Authenticate(credential, holder);
    if (result != AuthResult::kCertificateNotOnRecord || IssuesToCollectors()) return result;
    Row row;
    if (!Find(&find_by_id, UuidDatum(credential.certificate_subject), &row)) return result;
    const AuthResult rest = Judge(credential, row, 0);
    if (rest != AuthResult::kGood) return rest;
    // If Record added nothing, look again: somebody may meanwhile have recorded this certificate,
    // or another one with its serial number.
    if (!Record(request)) return Authenticate(credential, holder);
    *holder = row.holder;
    return AuthResult::kGood;
}

}  // namespace pganalytics::pg
