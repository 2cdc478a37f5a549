// Authority records: the SQL statements, their arguments and their results.
#include "pg/identity/authority_records.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/uuid.h"
}

namespace pganalytics::pg {
namespace {

using protocol::CaCertificate;
using protocol::CaCertificateKind;

Statement pending_requests = {
    "SELECT certificate_request_id, collector_id, name, csr, enabled, can_renew "
    "FROM pganalytics.pending_certificate_requests()",
    0,
    {},
    nullptr};
Statement record_certificate = {
    "SELECT pganalytics.record_certificate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    10,
    {TEXTOID, UUIDOID, TEXTOID, TEXTOID, BYTEAOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID,
     TIMESTAMPTZOID, TEXTOID},
    nullptr};
Statement decide_request = {"SELECT pganalytics.decide_certificate_request($1, $2, $3)",
                            3,
                            {UUIDOID, UUIDOID, TEXTOID},
                            nullptr};
Statement publish_trust = {"SELECT pganalytics.publish_trust($1, $2, $3, $4, $5)",
                           5,
                           {TEXTOID, TEXTARRAYOID, TEXTOID, BYTEAOID, BOOLOID},
                           nullptr};
Statement retire_authorities = {
    "SELECT pganalytics.retire_authorities($1)", 1, {TEXTARRAYOID}, nullptr};
Statement list_states = {
    "SELECT issuer, content, due, next_number FROM pganalytics.revocation_list_states($1)",
    1,
    {TEXTARRAYOID},
    nullptr};
Statement revoked = {
    "SELECT issuer, serial, revoked_at, reason FROM pganalytics.revocation_entries($1)",
    1,
    {TEXTARRAYOID},
    nullptr};
Statement record_list = {
    "SELECT pganalytics.record_revocation_list($1, $2, $3, $4, $5, $6, $7)",
    7,
    {TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, BYTEAOID, BYTEAOID},
    nullptr};
Statement pending_job = {
    "SELECT authority_job_id, operation FROM pganalytics.pending_authority_job()", 0, {}, nullptr};
Statement decide_job = {
    "SELECT pganalytics.decide_authority_job($1, $2)", 2, {INT8OID, TEXTOID}, nullptr};
Statement signing_keys = {"SELECT pganalytics.signing_token_keys()", 0, {}, nullptr};
Statement ended_keys = {"SELECT pganalytics.ended_token_keys()", 0, {}, nullptr};
Statement record_token_key = {
    "SELECT pganalytics.record_token_key($1, $2, "
    "pg_catalog.make_interval(days => $3), "
    "pg_catalog.make_interval(secs => $4))",
    4,
    {TEXTOID, BYTEAOID, INT4OID, FLOAT8OID},
    nullptr};
Statement prune = {"SELECT pganalytics.prune_identities()", 0, {}, nullptr};
Statement note_expired = {"SELECT pganalytics.note_expired_certificates()", 0, {}, nullptr};

Datum TimeDatum(int64 unix_seconds) {
    return TimestampTzGetDatum(time_t_to_timestamptz(static_cast<pg_time_t>(unix_seconds)));
}

Datum IdsDatum(const AuthorityIds& ids) {
    return ArrayOf(ids.ids, ids.count, TEXTOID,
                   [](const char* id, bool*) { return CStringGetTextDatum(id); });
}

// Record adds a certificate to the table and returns its id. If the table already has the
// certificate, Record returns 0 and sets *was_there to true.
Datum Record(const CaCertificate& one, const core::Uuid* collector_id, bool* was_there) {
    const bool authority = one.kind == CaCertificateKind::kAuthority;
    Datum values[] = {TextDatum(authority                                ? "authority"
                                : one.kind == CaCertificateKind::kServer ? "server"
                                                                         : "collector"),
                      collector_id != nullptr ? UuidDatum(*collector_id) : Datum{0},
                      TextDatum(one.serial),
                      TextDatum(authority ? one.key_id : one.issuer),
                      DigestDatum(one.sha256),
                      DigestDatum(one.spki_sha256),
                      TextDatum(one.subject),
                      TimeDatum(one.not_before),
                      TimeDatum(one.not_after),
                      TextDatum(one.pem)};
    bool nulls[lengthof(values)] = {};
    nulls[1] = collector_id == nullptr;
    Execute(&record_certificate, values, nulls);
    const Datum id = CellOf(0, 1, was_there);
    return *was_there ? Datum{0} : datumCopy(id, false, UUID_LEN);
}

void Decide(const PendingRequest& request, const Datum* certificate, std::string_view message) {
    Datum values[] = {UuidDatum(request.request_id),
                      certificate != nullptr ? *certificate : Datum{0}, TextDatum(message)};
    bool nulls[] = {false, certificate == nullptr, message.empty()};
    Execute(&decide_request, values, nulls);
    if (certificate != nullptr && !BoolOf(0, 1)) {
        // The ERROR rolls the transaction back, because the certificate must not stay on record.
        ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                errmsg("certificate request was decided by somebody else"));
    }
}

int ReadKids(Statement* statement, MemoryContext context, TokenKid** out) {
    Execute(statement, nullptr);
    *out = static_cast<TokenKid*>(
        MemoryContextAllocZero(context, sizeof(TokenKid) * Max(SPI_processed, uint64{1})));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        const std::string_view kid = BytesOf(row, 1);
        memcpy((*out)[row].kid, kid.data(), Min(kid.size(), sizeof(TokenKid) - 1));
    }
    return static_cast<int>(SPI_processed);
}

}  // namespace

int ReadPendingRequests(MemoryContext context, PendingRequest** out) {
    Execute(&pending_requests, nullptr);
    const auto count = static_cast<int>(SPI_processed);
    *out = static_cast<PendingRequest*>(
        MemoryContextAllocZero(context, sizeof(PendingRequest) * static_cast<size_t>(count + 1)));
    for (int row = 0; row < count; ++row) {
        PendingRequest* const request = &(*out)[row];
        const auto at = static_cast<uint64>(row);
        request->request_id = UuidOf(at, 1);
        request->collector_id = UuidOf(at, 2);
        request->name = CopyBytes(BytesOf(at, 3), context).data();
        request->csr = CopyBytes(BytesOf(at, 4), context);
        request->enabled = BoolOf(at, 5);
        request->can_renew = BoolOf(at, 6);
    }
    return count;
}

void RecordTrust(const protocol::CaReply& reply, const CaCertificate* certificates,
                 const AuthorityIds& ids, bool keep_former, MemoryContext context, char** retired) {
    const CaCertificate* server = nullptr;
    for (uint32_t i = 0; i < reply.certificates; ++i) {
        bool was_there = false;
        Record(certificates[i], nullptr, &was_there);
        if (certificates[i].kind == CaCertificateKind::kServer) server = &certificates[i];
    }
    Datum id_values[] = {IdsDatum(ids)};
    Execute(&retire_authorities, id_values);
    const std::string_view gone = BytesOf(0, 1);
    *retired =
        gone.empty() ? nullptr : MemoryContextStrdup(context, pnstrdup(gone.data(), gone.size()));
    Datum values[] = {TextDatum(reply.authorities), IdsDatum(ids), TextDatum(reply.pins),
                      server != nullptr ? DigestDatum(server->sha256) : Datum{0},
                      BoolGetDatum(keep_former)};
    bool nulls[] = {false, false, false, server == nullptr, false};
    Execute(&publish_trust, values, nulls);
}

void RecordIssued(const PendingRequest& request, const CaCertificate& certificate) {
    bool was_there = false;
    const Datum id = Record(certificate, &request.collector_id, &was_there);
    if (was_there) elog(ERROR, "a new certificate is on record already");
    Decide(request, &id, {});
}

void RecordRefused(const PendingRequest& request, std::string_view reason) {
    Decide(request, nullptr, reason);
}

void ReadListStates(const AuthorityIds& ids, ListStates* out) {
    *out = {};
    Datum values[] = {IdsDatum(ids)};
    Execute(&list_states, values);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        const std::string_view issuer = BytesOf(row, 1);
        const std::string_view content = BytesOf(row, 2);
        out->due = out->due || BoolOf(row, 3);
        out->next_number = Int8Of(row, 4);
        for (int i = 0; i < ids.count; ++i) {
            if (issuer == ids.ids[i]) {
                memcpy(out->contents[i].bytes, content.data(),
                       Min(content.size(), sizeof(core::Sha256)));
            }
        }
    }
}

void SelectRevoked(const AuthorityIds& ids) {
    Datum values[] = {IdsDatum(ids)};
    Execute(&revoked, values);
}

protocol::CaRevoked RevokedRow(uint64 row) {
    bool is_null = false;
    protocol::CaRevoked one;
    one.issuer = BytesOf(row, 1);
    one.serial = BytesOf(row, 2);
    one.revoked_at = timestamptz_to_time_t(DatumGetTimestampTz(CellOf(row, 3, &is_null)));
    one.reason = static_cast<uint32_t>(Int4Of(row, 4));
    return one;
}

void RecordList(const protocol::CaList& list, const core::Sha256& content) {
    Datum values[] = {TextDatum(list.issuer),
                      Int64GetDatum(list.number),
                      TimeDatum(list.this_update),
                      TimeDatum(list.next_update),
                      Int32GetDatum(static_cast<int32>(list.entries)),
                      DigestDatum(content),
                      BytesDatum(list.der)};
    Execute(&record_list, values);
}

bool ReadPendingJob(PendingJob* out) {
    Execute(&pending_job, nullptr);
    if (SPI_processed == 0) return false;
    out->job_id = Int8Of(0, 1);
    const std::string_view operation = BytesOf(0, 2);
    strlcpy(out->operation, pnstrdup(operation.data(), operation.size()), sizeof(out->operation));
    return true;
}

void RecordJob(const PendingJob& job, const char* failure) {
    Datum values[] = {Int64GetDatum(job.job_id),
                      failure != nullptr ? CStringGetTextDatum(failure) : Datum{0}};
    bool nulls[] = {false, failure == nullptr};
    Execute(&decide_job, values, nulls);
}

int ReadSigningKids(MemoryContext context, TokenKid** out) {
    return ReadKids(&signing_keys, context, out);
}

int ReadEndedKids(MemoryContext context, TokenKid** out) {
    return ReadKids(&ended_keys, context, out);
}

// The key verifies tokens for as long as a token that it signed can be valid or be exchanged for
// another token.
void RecordTokenKey(const protocol::TokenKey& key) {
    const int collectors_s = settings.token_lifetime_s + settings.token_refresh_grace_s;
    const double verifies_s = Max(collectors_s, settings.api_token_lifetime_s);
    Datum values[] = {CStringGetTextDatum(key.kid),
                      BytesDatum({reinterpret_cast<const char*>(key.point), sizeof(key.point)}),
                      Int32GetDatum(settings.token_key_rotation_days), Float8GetDatum(verifies_s)};
    Execute(&record_token_key, values);
}

void PruneIdentities() { Execute(&prune, nullptr); }

void NoteExpiredCertificates() { Execute(&note_expired, nullptr); }

}  // namespace pganalytics::pg
