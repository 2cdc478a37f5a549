// Audit changes: the function of the trigger, and what it records about collectors.
#include "pg/audit/changes.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

void RecordCollectorTokenChange(const RowChange& change, const char* id, bool had_one) {
    const HeapTuple row = NewestOf(change);
    const bool has_one = !IsNull(change, row, "token_sha256");
    AuditRecord record;
    BeginChange(&record, has_one ? AuditEvent::kTokenCreated : AuditEvent::kTokenRevoked,
                "collector_token", id);
    AddColumns(&record, change, row, {"name"});
    if (has_one) AddAuditDetail(&record, "replaces", had_one);
    if (change.before != nullptr && Differs(change, "tokens_valid_from")) {
        AddColumns(&record, change, row, {"tokens_valid_from"});
    }
    PutAudit(record);
}

// RecordServerRemoval records a DELETE, the only change for which the table has the trigger.
void RecordServerRemoval(const RowChange& change) {
    AuditRecord record;
    BeginChange(&record, AuditEvent::kServerRemoved, "server",
                TextOf(change, change.before, "server_id"));
    AddColumns(&record, change, change.before, {"collector_id", "name", "hostname"});
    PutAudit(record);
}

// RecordForgetJobChange records the end of a job. The DELETE that made the job was recorded itself.
void RecordForgetJobChange(const RowChange& change) {
    if (!IsNull(change, change.before, "ended_at") || IsNull(change, change.after, "ended_at")) {
        return;
    }
    const bool of_server = !IsNull(change, change.after, "server_id");
    AuditRecord record;
    BeginChange(&record, of_server ? AuditEvent::kServerForgotten : AuditEvent::kCollectorForgotten,
                of_server ? "server" : "collector",
                TextOf(change, change.after, of_server ? "server_id" : "collector_id"));
    AddColumns(&record, change, change.after,
               {"collector", "server", "requested_by", "samples", "pushes", "series", "texts"});
    PutAudit(record);
}

// Watched is a table that has the trigger. `emptied` is the event that records a TRUNCATE of the
// table.
struct Watched {
    const char* table;
    AuditEvent emptied;
    void (*record)(const RowChange&);
};
constexpr Watched kWatched[] = {
    {"collectors", AuditEvent::kCollectorRemoved, RecordCollectorChange},
    {"servers", AuditEvent::kServerRemoved, RecordServerRemoval},
    {"forget_jobs", AuditEvent::kServerForgotten, RecordForgetJobChange},
    {"certificates", AuditEvent::kCertificateRemoved, RecordCertificateChange},
    {"certificate_requests", AuditEvent::kTokenRevoked, RecordCertificateRequestChange},
    {"enrollment_tokens", AuditEvent::kTokenRevoked, RecordEnrollmentTokenChange},
    {"registration_secrets", AuditEvent::kTokenRevoked, RecordRegistrationSecretChange},
    {"token_keys", AuditEvent::kTokenRevoked, RecordTokenKeyChange},
    {"scrape_tokens", AuditEvent::kTokenRevoked, RecordScrapeTokenChange},
    {"text_removals", AuditEvent::kQueryTextForgotten, RecordTextRemovalChange},
    {"api_sessions", AuditEvent::kSessionEnded, RecordSessionChange},
    {"alert_rules", AuditEvent::kAlertRuleChanged, RecordAlertRuleChange},
    {"alerts", AuditEvent::kAlertUnacknowledged, RecordAcknowledgementChange},
    {"alert_silences", AuditEvent::kAlertSilenceEnded, RecordSilenceChange},
    {"maintenance_windows", AuditEvent::kAlertMaintenanceChanged, RecordMaintenanceWindowChange},
    {"alert_inhibitions", AuditEvent::kAlertInhibitionChanged, RecordInhibitionChange},
    {"alert_channels", AuditEvent::kAlertChannelChanged, RecordAlertChannelChange},
    {"alert_channel_secrets", AuditEvent::kAlertChannelChanged, RecordChannelSecretChange},
};

void RecordTruncate(const Watched& watched) {
    AuditRecord record;
    BeginChange(&record, watched.emptied, "table", psprintf("pganalytics.%s", watched.table));
    AddAuditDetail(&record, "truncated", true);
    PutAudit(record);
}

}  // namespace

void BeginChange(AuditRecord* record, AuditEvent event, const char* type, const char* id) {
    BeginAudit(record, event);
    SetAuditResource(record, type, id);
    const char* const role = GetUserNameFromId(GetUserId(), true);
    if (role != nullptr && strcmp(role, record->actor) != 0) SetAuditText(record->role, role);
}

void RecordCollectorChange(const RowChange& change) {
    const HeapTuple row = NewestOf(change);
    const char* const id = TextOf(change, row, "collector_id");
    AuditRecord record;
    if (change.before == nullptr || change.after == nullptr) {
        BeginChange(&record,
                    change.after != nullptr ? AuditEvent::kCollectorRegistered
                                            : AuditEvent::kCollectorRemoved,
                    "collector", id);
        AddColumns(&record, change, row, {"name", "enabled", "max_queries_per_db"});
        PutAudit(record);
        if (change.after != nullptr && !IsNull(change, row, "token_sha256")) {
            RecordCollectorTokenChange(change, id, false);
        }
        return;
    }
    const bool new_token = Differs(change, "token_sha256");
    if (new_token) {
        RecordCollectorTokenChange(change, id, !IsNull(change, change.before, "token_sha256"));
    }
    if (!new_token && Differs(change, "tokens_valid_from")) {
        BeginChange(&record, AuditEvent::kTokenRevoked, "signed_tokens", id);
        AddColumns(&record, change, row, {"name", "tokens_valid_from"});
        PutAudit(record);
    }
    if (Differs(change, "max_queries_per_db")) {
        BeginChange(&record, AuditEvent::kCollectorConfigured, "collector", id);
        AddColumns(&record, change, row, {"name"});
        AddAuditChange(&record, "max_queries_per_db",
                       ValueOf(change, change.before, "max_queries_per_db"),
                       ValueOf(change, row, "max_queries_per_db"));
        PutAudit(record);
    }
    constexpr const char* kSkippedColumns[] = {"token_sha256", "tokens_valid_from",
                                               "max_queries_per_db"};
    if (!DiffersBeside(change, kSkippedColumns, lengthof(kSkippedColumns))) return;
    BeginChange(&record, AuditEvent::kCollectorUpdated, "collector", id);
    AddColumns(&record, change, row, {"name"});
    AddChanges(&record, change, kSkippedColumns, lengthof(kSkippedColumns));
    PutAudit(record);
}

void RecordTextRemovalChange(const RowChange& change) {
    const HeapTuple row = NewestOf(change);
    AuditRecord record;
    BeginChange(&record, AuditEvent::kQueryTextForgotten, "text_removal",
                TextOf(change, row, "text_removal_id"));
    AddColumns(&record, change, row, {"server", "queryid", "texts", "samples"});
    if (change.after == nullptr) AddAuditDetail(&record, "removed", true);
    if (change.before != nullptr && change.after != nullptr)
        AddChanges(&record, change, nullptr, 0);
    PutAudit(record);
}

}  // namespace pganalytics::pg

extern "C" {

PG_FUNCTION_INFO_V1(pganalytics_audit_change);

// pganalytics_audit_change is an AFTER trigger. It runs once for each changed row, and once for
// each TRUNCATE. It raises ERROR 53000 if the buffer of the log is full and
// pganalytics.audit_overflow is 'refuse'.
Datum pganalytics_audit_change(PG_FUNCTION_ARGS) {
    using namespace pganalytics::pg;
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("pganalytics.audit_change() can only be called as a trigger"));
    }
    if (!Auditing()) PG_RETURN_POINTER(nullptr);
    RequireAuditRoom();
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    const char* const table = RelationGetRelationName(trigger->tg_relation);
    for (const Watched& watched : kWatched) {
        if (strcmp(table, watched.table) != 0) continue;
        const TriggerEvent event = trigger->tg_event;
        if (TRIGGER_FIRED_BY_TRUNCATE(event)) {
            RecordTruncate(watched);
        } else if (TRIGGER_FIRED_BY_UPDATE(event)) {
            watched.record({trigger->tg_relation, trigger->tg_trigtuple, trigger->tg_newtuple});
        } else if (TRIGGER_FIRED_BY_INSERT(event)) {
            watched.record({trigger->tg_relation, nullptr, trigger->tg_trigtuple});
        } else {
            watched.record({trigger->tg_relation, trigger->tg_trigtuple, nullptr});
        }
    }
    PG_RETURN_POINTER(nullptr);
}

}  // extern "C"
