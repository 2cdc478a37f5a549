// Audit certificates: what the trigger records about certificates and requests for them.
#include "pg/audit/changes.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {

using protocol::AuditEvent;

namespace {

// GoodOneBefore returns the serial number of another valid certificate of the same holder, "" if
// there is none. It runs its query with the privileges of the table's owner, as checks of foreign
// keys do.
const char* GoodOneBefore(const RowChange& change) {
    static Statement find = {
        "SELECT c.serial FROM pganalytics.certificates c "
        "WHERE c.kind = $1 AND c.collector_id IS NOT DISTINCT FROM $2 AND c.certificate_id <> $3 "
        "AND c.state = 'active' AND c.not_after > pg_catalog.now() "
        "ORDER BY c.not_after DESC LIMIT 1",
        3,
        {TEXTOID, UUIDOID, UUIDOID},
        nullptr};
    const TupleDesc columns = RelationGetDescr(change.relation);
    Datum values[3];
    bool nulls[3];
    const char* const names[] = {"kind", "collector_id", "certificate_id"};
    for (int i = 0; i < 3; ++i) {
        values[i] = heap_getattr(change.after, SPI_fnumber(columns, names[i]), columns, &nulls[i]);
    }
    MemoryContext const caller = CurrentMemoryContext;
    Oid user = InvalidOid;
    int security = 0;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(change.relation->rd_rel->relowner,
                           security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    Execute(&find, values, nulls);
    const char* const serial = SPI_processed == 0 ? "" : CopyBytes(BytesOf(0, 1), caller).data();
    SPI_finish();
    SetUserIdAndSecContext(user, security);
    return serial;
}

}  // namespace

void RecordCertificateChange(const RowChange& change) {
    const HeapTuple row = NewestOf(change);
    const char* const serial = TextOf(change, row, "serial");
    const auto record_event = [&](AuditEvent event, auto&& add) {
        AuditRecord record;
        BeginChange(&record, event, "certificate", serial);
        AddColumns(&record, change, row,
                   {"kind", "collector_id", "subject", "issuer", "not_after"});
        add(&record);
        PutAudit(record);
    };
    if (change.before == nullptr) {
        const char* const former =
            strcmp(TextOf(change, row, "kind"), "authority") == 0 ? "" : GoodOneBefore(change);
        return record_event(
            former[0] != '\0' ? AuditEvent::kCertificateRenewed : AuditEvent::kCertificateIssued,
            [former](AuditRecord* record) {
                if (former[0] != '\0') AddAuditDetail(record, "former", former);
            });
    }
    if (change.after == nullptr) {
        if (TimeOf(change, row, "not_after") <= GetCurrentTimestamp()) return;
        return record_event(AuditEvent::kCertificateRemoved, [&](AuditRecord* record) {
            AddColumns(record, change, row, {"state"});
        });
    }
    const bool revoked =
        Differs(change, "state") && strcmp(TextOf(change, row, "state"), "revoked") == 0;
    if (revoked) {
        record_event(AuditEvent::kCertificateRevoked, [&](AuditRecord* record) {
            AddColumns(record, change, row, {"revocation_reason", "revoked_by"});
        });
    }
    if (Differs(change, "ended_alone") && ValueOf(change, row, "ended_alone").text == "true") {
        record_event(AuditEvent::kCertificateExpired, [](AuditRecord*) {});
    }
    constexpr const char* kSkippedColumns[] = {"ended_alone", "state", "revoked_at", "revoked_by",
                                               "revocation_reason"};
    const int skipped = revoked ? lengthof(kSkippedColumns) : 1;
    if (!DiffersBeside(change, kSkippedColumns, skipped)) return;
    record_event(AuditEvent::kCertificateUpdated, [&](AuditRecord* record) {
        AddChanges(record, change, kSkippedColumns, skipped);
    });
}

// RecordCertificateRequestChange records the end of an enrolment: another process has issued the
// certificate, or has failed to issue it. The record names the collector as actor, not that
// process.
void RecordCertificateRequestChange(const RowChange& change) {
    if (change.before == nullptr || change.after == nullptr || !Differs(change, "state") ||
        strcmp(TextOf(change, change.after, "origin"), "token") != 0) {
        return;
    }
    const char* const id = TextOf(change, change.after, "collector_id");
    AuditRecord record;
    BeginChange(&record, AuditEvent::kCollectorEnrolled, "collector", id);
    record.source = AuditSource::kCollectors;
    SetAuditText(record.actor, id);
    SetAuditText(record.address, TextOf(change, change.after, "address"));
    if (strcmp(TextOf(change, change.after, "state"), "issued") != 0) {
        record.outcome = AuditOutcome::kFailed;
        AddAuditDetail(&record, "reason", ValueOf(change, change.after, "message"));
    }
    PutAudit(record);
}

}  // namespace pganalytics::pg
