// Audit alerts: the trigger records changes of rules, what people do with alerts, and changes of
// the channels to which alerts are sent. It never records a channel's secret.
#include "pg/audit/changes.hpp"

namespace pganalytics::pg {

using protocol::AuditEvent;

namespace {

constexpr int kMaxColumns = 9;

// AuditedTable describes how changes of one table that configures alerts are recorded.
struct AuditedTable {
    AuditEvent event;
    const char* type;
    const char* id;
    const char* shown[kMaxColumns];  // columns recorded when a row is created or removed
    const char* skipped[3];          // columns whose change is not recorded
};

int CountOf(const char* const* names, int most) {
    int count = 0;
    while (count < most && names[count] != nullptr) ++count;
    return count;
}

// BeginTableChange begins the record of a change. Returns false for an UPDATE that changes only
// columns in `skipped`.
bool BeginTableChange(AuditRecord* record, const RowChange& change, const AuditedTable& table) {
    const bool updated = change.before != nullptr && change.after != nullptr;
    if (updated && !DiffersBeside(change, table.skipped, CountOf(table.skipped, 3))) return false;
    BeginChange(record, table.event, table.type, TextOf(change, NewestOf(change), table.id));
    AddAuditDetail(record, "change",
                   updated                   ? "changed"
                   : change.after == nullptr ? "removed"
                                             : "created");
    return true;
}

void AddTableChange(AuditRecord* record, const RowChange& change, const AuditedTable& table,
                    const char* const* without, int count) {
    if (change.before != nullptr && change.after != nullptr) {
        return AddChanges(record, change, without, count);
    }
    for (int i = 0; i < CountOf(table.shown, kMaxColumns); ++i) {
        AddAuditDetail(record, table.shown[i], ValueOf(change, NewestOf(change), table.shown[i]));
    }
}

void RecordTableChange(const RowChange& change, const AuditedTable& table) {
    AuditRecord record;
    if (!BeginTableChange(&record, change, table)) return;
    AddTableChange(&record, change, table, table.skipped, CountOf(table.skipped, 3));
    PutAudit(record);
}

// HostOf returns the scheme and the host of a URL, without the path: whoever knows the full URL of
// a webhook can often use it.
AuditValue HostOf(const RowChange& change, HeapTuple row) {
    if (IsNull(change, row, "url")) return {AuditValue::Kind::kNull, {}};
    const std::string_view url = TextOf(change, row, "url");
    const size_t begins = url.find("://");
    if (begins == std::string_view::npos) return {AuditValue::Kind::kText, "..."};
    const size_t ends = Min(url.find_first_of("/?#", begins + 3), url.size());
    std::string_view host = url.substr(begins + 3, ends - begins - 3);
    host.remove_prefix(host.rfind('@') + 1);  // npos + 1 is 0
    return {AuditValue::Kind::kText,
            psprintf("%.*s://%.*s%s", static_cast<int>(begins), url.data(),
                     static_cast<int>(host.size()), host.data(), ends < url.size() ? "/..." : "")};
}

constexpr AuditedTable kRule = {AuditEvent::kAlertRuleChanged,
                                "alert_rule",
                                "name",
                                {"enabled", "severity", "comparison", "threshold",
                                 "threshold_setting", "pending_for", "evaluate_every", "query"},
                                {"changed_at", "changed_by"}};
constexpr AuditedTable kWindow = {
    AuditEvent::kAlertMaintenanceChanged,
    "maintenance_window",
    "name",
    {"enabled", "matchers", "starts_at", "duration", "repeat_every", "time_zone", "reason"},
    {}};
constexpr AuditedTable kInhibition = {
    AuditEvent::kAlertInhibitionChanged,
    "alert_inhibition",
    "name",
    {"enabled", "source_matchers", "target_matchers", "equal_labels"},
    {"changed_at", "changed_by"}};
constexpr AuditedTable kChannel = {AuditEvent::kAlertChannelChanged,
                                   "alert_channel",
                                   "name",
                                   {"enabled", "kind", "mail_to", "authentication", "matchers",
                                    "group_by", "repeat_every", "escalate_after", "send_resolved"},
                                   {}};

}  // namespace

void RecordAlertRuleChange(const RowChange& change) { RecordTableChange(change, kRule); }
void RecordMaintenanceWindowChange(const RowChange& change) { RecordTableChange(change, kWindow); }
void RecordInhibitionChange(const RowChange& change) { RecordTableChange(change, kInhibition); }

void RecordAlertChannelChange(const RowChange& change) {
    AuditRecord record;
    if (!BeginTableChange(&record, change, kChannel)) return;
    const bool updated = change.before != nullptr && change.after != nullptr;
    if (!updated) {
        AddAuditDetail(&record, "url", HostOf(change, NewestOf(change)));
    } else if (Differs(change, "url")) {
        AddAuditChange(&record, "url", HostOf(change, change.before), HostOf(change, change.after));
    }
    constexpr const char* kSkippedColumns[] = {"url"};
    AddTableChange(&record, change, kChannel, kSkippedColumns, lengthof(kSkippedColumns));
    PutAudit(record);
}

void RecordChannelSecretChange(const RowChange& change) {
    if (change.before != nullptr && change.after != nullptr && !DiffersBeside(change, nullptr, 0)) {
        return;
    }
    AuditRecord record;
    BeginChange(&record, AuditEvent::kAlertChannelChanged, "alert_channel",
                TextOf(change, NewestOf(change), "channel"));
    AddAuditDetail(&record, "secret", change.after == nullptr ? "removed" : "set");
    PutAudit(record);
}

void RecordAcknowledgementChange(const RowChange& change) {
    if (!Differs(change, "acknowledged_at") && !Differs(change, "acknowledgement")) return;
    const HeapTuple row = change.after;
    const bool acknowledged = !IsNull(change, row, "acknowledged_at");
    AuditRecord record;
    BeginChange(&record,
                acknowledged ? AuditEvent::kAlertAcknowledged : AuditEvent::kAlertUnacknowledged,
                "alert", TextOf(change, row, "alert_id"));
    AddColumns(&record, change, row, {"rule", "labels"});
    if (acknowledged) AddAuditDetail(&record, "comment", ValueOf(change, row, "acknowledgement"));
    PutAudit(record);
}

void RecordSilenceChange(const RowChange& change) {
    const HeapTuple row = NewestOf(change);
    const TimestampTz now = GetCurrentTimestamp();
    const bool was_over =
        change.before != nullptr && TimeOf(change, change.before, "ends_at") <= now;
    const bool is_over = change.after == nullptr || TimeOf(change, change.after, "ends_at") <= now;
    // The removal of a silence is not recorded if the silence was over already.
    if (change.after == nullptr && was_over) return;
    constexpr const char* kStamped[] = {"ended_by"};
    const bool updated = change.before != nullptr && change.after != nullptr;
    if (updated && !DiffersBeside(change, kStamped, lengthof(kStamped))) return;
    const bool ended = change.before != nullptr && !was_over && is_over;
    AuditRecord record;
    BeginChange(&record, ended ? AuditEvent::kAlertSilenceEnded : AuditEvent::kAlertSilenced,
                "alert_silence", TextOf(change, row, "silence_id"));
    if (updated && !ended) {
        AddChanges(&record, change, kStamped, lengthof(kStamped));
    } else {
        AddColumns(&record, change, row, {"matchers", "starts_at", "ends_at", "reason"});
        if (change.after == nullptr) AddAuditDetail(&record, "removed", true);
    }
    PutAudit(record);
}

}  // namespace pganalytics::pg
