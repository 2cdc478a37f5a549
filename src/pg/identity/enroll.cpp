// Enroll: calls the functions in sql/identity/enrollment.sql and reads their results.
#include "pg/identity/enroll.hpp"

#include "pg/audit/record.hpp"
#include "pg/audit/refusals.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/trouble.hpp"
#include "pg/base/unix_time.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/identity/tokens.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

using protocol::EnrollKind;
using protocol::EnrollRequest;

constexpr uint32_t kRetryAfterSeconds = 5;

Statement enroll = {
    "SELECT status, message, certificate_request_id, collector_id, NULL::pg_catalog.text, refusal "
    "FROM pganalytics.enroll_collector($1, $2, $3)",
    3,
    {BYTEAOID, BYTEAOID, TEXTOID},
    nullptr};
Statement renew = {
    "SELECT status, message, certificate_request_id, $1, NULL::pg_catalog.text, refusal "
    "FROM pganalytics.renew_certificate($1, $2, $3)",
    3,
    {UUIDOID, BYTEAOID, TEXTOID},
    nullptr};
Statement register_one = {
    "SELECT status, message, certificate_request_id, collector_id, token, refusal "
    "FROM pganalytics.register_collector($1, $2, $3, $4)",
    4,
    {BYTEAOID, TEXTOID, BYTEAOID, TEXTOID},
    nullptr};
Statement reopen = {
    "SELECT pganalytics.reopen_registration($1, $2)", 2, {UUIDOID, BYTEAOID}, nullptr};
Statement find_decided = {
    "SELECT i.ordinality::pg_catalog.int4, r.state, r.message, t.state, t.not_after, t.pem "
    "FROM pg_catalog.unnest($1) WITH ORDINALITY AS i (id, ordinality) "
    "JOIN pganalytics.certificate_requests r ON r.certificate_request_id = i.id "
    "LEFT JOIN pganalytics.certificates t ON t.certificate_id = r.certificate_id "
    "WHERE r.state <> 'pending'",
    1,
    {UUIDARRAYOID},
    nullptr};

void Refuse(Enrollment* out, uint32_t status, std::string_view message) {
    *out = {};
    out->status = status;
    out->message = message;
    if (status == 503) out->retry_after_s = kRetryAfterSeconds;
    if (status == 429) out->retry_after_s = 600;
}

// SetRefusal sets the kind of a refusal by the name that the SQL functions return for it.
void SetRefusal(std::string_view name, Enrollment* out) {
    if (name.empty()) return;
    if (const protocol::RefusalClass* const one = protocol::RefusalNamed(name)) {
        out->is_recorded = true;
        out->refusal = one->kind;
        return;
    }
    elog(ERROR, "enrollment was refused as \"%.*s\"", static_cast<int>(name.size()), name.data());
}

// Take reads the one row that the SQL functions return.
void Take(MemoryContext context, Enrollment* out) {
    if (SPI_processed != 1) elog(ERROR, "enrollment gave %lu rows", SPI_processed);
    const auto status = static_cast<uint32_t>(Int4Of(0, 1));
    const std::string_view message = CopyBytes(BytesOf(0, 2), context);
    if (status != 200 && status != 202) {
        Refuse(out, status, message);
        return SetRefusal(BytesOf(0, 6), out);
    }
    out->status = status;
    out->request_id = UuidOf(0, 3);
    out->collector_id = UuidOf(0, 4);
    const std::string_view token = CopyBytes(BytesOf(0, 5), context);
    if (token.empty()) return;
    if (token.size() != kTokenTextBytes) elog(ERROR, "token has %zu bytes", token.size());
    memcpy(out->token, token.data(), token.size());
}

bool IsText(std::string_view text, size_t most) {
    return text.size() <= most &&
           pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), true);
}

// IssuesCertificates: this server issues certificates to collectors and asks clients for them. If
// not, *why says what is configured instead.
bool IssuesCertificates(const char** why) {
    *why = nullptr;
    if (!IssuesToCollectors()) {
        *why = "certificates are issued by another authority (pganalytics.ssl_ca_file), not here";
    } else if (settings.mtls == static_cast<int>(protocol::Mtls::kOff)) {
        *why = "no client certificates are used here (pganalytics.mtls is off)";
    }
    return *why == nullptr;
}

void Renew(const EnrollRequest& request, Datum csr, Datum address, MemoryContext context,
           Enrollment* out) {
    Holder holder;
    const AuthResult result = Authenticate(request.credential, &holder);
    if (result != AuthResult::kGood) {
        CountAuthRefusal(result, request.credential);
        return Refuse(out, 403, Reason(result));
    }
    if (protocol::IsZero(request.credential.certificate_sha256)) {
        return Refuse(out, 403, Reason(AuthResult::kCertificateNeeded));
    }
    Datum values[] = {UuidDatum(holder.collector_id), csr, address};
    Execute(&renew, values);
    Take(context, out);
}

void Begin(const EnrollRequest& request, MemoryContext context, Enrollment* out) {
    const char* why = nullptr;
    const bool issues = IssuesCertificates(&why);
    if (!issues && request.kind != EnrollKind::kRegistration) return Refuse(out, 403, why);
    const Datum csr = BytesDatum(request.csr);
    const Datum address = TextDatum(request.address);
    const Datum secret = DigestDatum(request.secret_sha256);
    switch (request.kind) {
        case EnrollKind::kToken: {
            Datum values[] = {secret, csr, address};
            Execute(&enroll, values);
            return Take(context, out);
        }
        case EnrollKind::kRenewal:
            return Renew(request, csr, address, context, out);
        case EnrollKind::kRegistration: {
            Datum values[] = {secret, TextDatum(request.name), csr, address};
            bool nulls[] = {false, false, !issues || request.csr.empty(), false};
            Execute(&register_one, values, nulls);
            return Take(context, out);
        }
    }
}

// ReadDecision sets the result of a decided request. Even if the request was refused, a
// registration keeps its token, because the token may be valid without a certificate.
void ReadDecision(uint64 row, MemoryContext context, Enrollment* enrollment) {
    if (BytesOf(row, 2) == "refused") {
        enrollment->status = 422;
        enrollment->message = CopyBytes(CutAnswer(BytesOf(row, 3)), context);
    } else if (BytesOf(row, 4) != "active") {
        enrollment->status = 403;
        enrollment->message = "the certificate that was issued for this was revoked";
    } else {
        bool is_null = false;
        enrollment->status = 200;
        enrollment->expires_at = UnixOf(DatumGetTimestampTz(CellOf(row, 5, &is_null)));
        enrollment->certificate = CopyBytes(BytesOf(row, 6), context);
    }
}

// RefuseForError answers 503 after an ERROR such as a lock timeout or a full disk. It logs the
// message of the ERROR and does not send it, because strangers must not see it.
void RefuseForError(ErrorData* error, Enrollment* out) {
    static core::Timer next_line;
    if (MayLog(&next_line)) {
        ereport(LOG, errcode(error->sqlerrcode),
                errmsg("pganalytics could not enroll a collector: %s", error->message));
    }
    FreeErrorData(error);
    Refuse(out, 503, "the request could not be stored");
}

}  // namespace

void BeginEnrollment(const EnrollRequest& request, MemoryContext context, Enrollment* out) {
    *out = {};
    const bool needs_csr = request.kind != EnrollKind::kRegistration;
    if (request.csr.size() > kMaxCsrBytes || (needs_csr && request.csr.empty())) {
        return Refuse(out, 422, "certificate request has no bytes or too many");
    }
    if (!IsText(request.name, 253) || !IsText(request.address, 128)) {
        return Refuse(out, 422, "name of a collector has 1 to 253 bytes in UTF-8");
    }
    MemoryContext const caller = MemoryContextSwitchTo(context);
    ActForCollector(request.credential);
    ErrorData* const error = Transact([&request, context, out] { Begin(request, context, out); });
    if (error != nullptr) {
        RefuseForError(error, out);
    } else if (out->is_recorded) {
        CountRefusal(out->refusal, request.credential);
    }
    EndAuditSubject();
    MemoryContextSwitchTo(caller);
}

bool ContinueEnrollments(Enrollment** waiting, int count, MemoryContext context) {
    if (count == 0) return true;
    MemoryContext const caller = MemoryContextSwitchTo(context);
    ErrorData* const error = Transact([waiting, count, context] {
        Datum values[] = {ArrayOf(waiting, count, UUIDOID, [](Enrollment* one, bool*) {
            return UuidDatum(one->request_id);
        })};
        Execute(&find_decided, values);
        for (uint64 row = 0; row < SPI_processed; ++row) {
            ReadDecision(row, context, waiting[Int4Of(row, 1) - 1]);
        }
    });
    if (error != nullptr) {
        static core::Timer next_line;
        if (MayLog(&next_line)) {
            ereport(LOG, errcode(error->sqlerrcode),
                    errmsg("pganalytics could not read certificate requests: %s", error->message));
        }
        FreeErrorData(error);
    }
    MemoryContextSwitchTo(caller);
    return error == nullptr;
}

void EndRegistration(const EnrollRequest& request, MemoryContext context, Enrollment* enrollment) {
    if (settings.mtls != static_cast<int>(protocol::Mtls::kRequired)) {
        enrollment->status = 200;
        return;
    }
    const core::Uuid collector_id = enrollment->collector_id;
    MemoryContext const caller = MemoryContextSwitchTo(context);
    ErrorData* const error = Transact([&request, &collector_id] {
        Datum values[] = {UuidDatum(collector_id), DigestDatum(request.secret_sha256)};
        Execute(&reopen, values);
    });
    if (error != nullptr) {
        RefuseForError(error, enrollment);
    } else {
        Refuse(enrollment, 503, "no certificate was issued in time");
    }
    MemoryContextSwitchTo(caller);
}

}  // namespace pganalytics::pg
