// Audit guard: SQL functions that refuse changes to the audit log, and that show its head, buffer
// and retention. sql/audit/audit_log.sql, sql/audit/verify.sql and sql/prometheus/prometheus.sql
// declare them.
#include "pg/audit/record.hpp"
#include "pg/audit/statements/denials.hpp"
#include "pg/audit/store.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pganalytics::pg {
namespace {

const char* OperationOf(TriggerEvent event) {
    if (TRIGGER_FIRED_BY_UPDATE(event)) return "UPDATE";
    if (TRIGGER_FIRED_BY_DELETE(event)) return "DELETE";
    return "TRUNCATE";
}

// HeadIsOfThisLog: `head` is the head of this database's log, and the audit worker has committed
// rows to this log.
bool HeadIsOfThisLog(const AuditHead& head) {
    return OidIsValid(head.log) && head.database == MyDatabaseId && head.log == AuditLogOid() &&
           head.id > 0;
}

Datum RowOf(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "a function of the audit log gives a row");
    }
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

}  // namespace
}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_refuse_audit_change);
PG_FUNCTION_INFO_V1(pganalytics_audit_log_retention);
PG_FUNCTION_INFO_V1(pganalytics_audit_head);
PG_FUNCTION_INFO_V1(pganalytics_audit_buffer);

// pganalytics_refuse_audit_change always raises an ERROR: 42501 as a trigger, 39P01 if it was
// called as an ordinary function.
Datum pganalytics_refuse_audit_change(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("pganalytics.refuse_audit_change() is a trigger"));
    }
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    const char* const table = RelationGetRelationName(trigger->tg_relation);
    AuditRecord record;
    BeginAudit(&record, pganalytics::protocol::AuditEvent::kAuditChangeRefused);
    record.outcome = AuditOutcome::kDenied;
    const char* const schema = get_namespace_name(RelationGetNamespace(trigger->tg_relation));
    SetAuditResource(&record, "table", psprintf("%s.%s", schema, table));
    AddAuditDetail(&record, "operation", OperationOf(trigger->tg_event));
    PutAudit(record);
    MarkDenialRecorded();
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("the audit log cannot be changed"),
            errdetail("%s of table \"%s\" was refused, and is told of in the log.",
                      OperationOf(trigger->tg_event), table),
            errhint("Rows older than pganalytics.audit_log_retention are dropped by themselves."));
    PG_RETURN_NULL();
}

Datum pganalytics_audit_log_retention(FunctionCallInfo) {
    PG_RETURN_INT32(pganalytics::pg::settings.audit_log_retention_days);
}

// pganalytics_audit_head returns NULLs if the audit worker of this server has not committed to the
// log of this database.
Datum pganalytics_audit_head(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    const AuditHead head = GetAuditHead();
    const bool known = HeadIsOfThisLog(head);
    Datum values[] = {Int64GetDatum(head.id), DigestDatum(head.hash)};
    bool nulls[] = {!known, !known};
    PG_RETURN_DATUM(RowOf(fcinfo, values, nulls));
}

// pganalytics_audit_buffer returns only numbers, because roles that read metrics may see its
// result.
Datum pganalytics_audit_buffer(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    const AuditRingUse use = GetAuditRingUse();
    const AuditHead head = GetAuditHead();
    Datum values[] = {Int64GetDatum(use.slots), Int64GetDatum(use.used),
                      Int64GetDatum(static_cast<int64>(use.lost)), Int64GetDatum(head.id)};
    bool nulls[] = {false, false, false, !HeadIsOfThisLog(head)};
    PG_RETURN_DATUM(RowOf(fcinfo, values, nulls));
}

}  // extern "C"
