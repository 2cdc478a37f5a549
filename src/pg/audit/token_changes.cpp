// Audit tokens: what the trigger records about tokens, secrets, keys and sessions. It never records
// their hashes.
#include "pg/audit/changes.hpp"

namespace pganalytics::pg {

using protocol::AuditEvent;

namespace {

// Token describes how changes of one table of tokens, secrets or keys are recorded.
struct Token {
    const char* type;
    const char* id;
    const char* shown[4];  // columns recorded with each event
    const char* ends;      // column with the time at which the token expires, or nullptr
    const char* used[3];   // columns that the ingest worker sets and whose change it records itself
};

void AddShown(AuditRecord* record, const RowChange& change, const Token& token) {
    for (const char* column : token.shown) {
        if (column == nullptr) break;
        AddAuditDetail(record, column, ValueOf(change, NewestOf(change), column));
    }
}

void RecordTokenChange(const RowChange& change, const Token& token) {
    const HeapTuple row = NewestOf(change);
    const char* const id = TextOf(change, row, token.id);
    AuditRecord record;
    if (change.before == nullptr) {
        BeginChange(&record, AuditEvent::kTokenCreated, token.type, id);
        AddShown(&record, change, token);
        return PutAudit(record);
    }
    if (change.after == nullptr) {
        if (!IsNull(change, row, "revoked_at") ||
            (token.ends != nullptr && TimeOf(change, row, token.ends) <= GetCurrentTimestamp())) {
            return;
        }
        BeginChange(&record, AuditEvent::kTokenRevoked, token.type, id);
        AddShown(&record, change, token);
        AddAuditDetail(&record, "removed", true);
        return PutAudit(record);
    }
    const bool revoked =
        Differs(change, "revoked_at") && IsNull(change, change.before, "revoked_at");
    if (revoked) {
        BeginChange(&record, AuditEvent::kTokenRevoked, token.type, id);
        AddShown(&record, change, token);
        PutAudit(record);
    }
    const char* without[lengthof(token.used) + 1];
    int count = 0;
    if (revoked) without[count++] = "revoked_at";
    for (const char* column : token.used) {
        if (column != nullptr && ActsForAuditSubject(AuditSource::kCollectors))
            without[count++] = column;
    }
    if (!DiffersBeside(change, without, count)) return;
    BeginChange(&record, AuditEvent::kTokenUpdated, token.type, id);
    AddShown(&record, change, token);
    AddChanges(&record, change, without, count);
    PutAudit(record);
}

// ShortId returns the beginning of a session's id. It shows which records belong to one session.
// The whole id must not be recorded: whoever knows it could end the session.
const char* ShortId(const char* id) { return pnstrdup(id, 8); }

constexpr Token kEnrollmentToken = {"enrollment_token",
                                    "enrollment_token_id",
                                    {"collector_id", "created_by", "expires_at"},
                                    "expires_at",
                                    {"used_at", "used_from", "certificate_request_id"}};
constexpr Token kRegistrationSecret = {"registration_secret",
                                       "registration_secret_id",
                                       {"name", "created_by", "expires_at", "uses_left"},
                                       "expires_at",
                                       {"uses_left"}};
constexpr Token kTokenKey = {
    "token_key", "kid", {"signs_from", "signs_until", "verifies_until"}, "verifies_until", {}};

// The use of a scrape token fires no trigger, so there are no columns to leave out.
constexpr Token kScrapeToken = {"scrape_token", "name", {"created_by"}, nullptr, {}};

}  // namespace

void RecordEnrollmentTokenChange(const RowChange& change) {
    RecordTokenChange(change, kEnrollmentToken);
}
void RecordRegistrationSecretChange(const RowChange& change) {
    RecordTokenChange(change, kRegistrationSecret);
}
void RecordTokenKeyChange(const RowChange& change) { RecordTokenChange(change, kTokenKey); }
void RecordScrapeTokenChange(const RowChange& change) { RecordTokenChange(change, kScrapeToken); }

void RecordSessionChange(const RowChange& change) {
    // The API worker itself records the beginning of a session.
    if (change.before == nullptr) return;
    const HeapTuple row = NewestOf(change);
    const char* const id = ShortId(TextOf(change, row, "session_id"));
    const bool was_live = IsNull(change, change.before, "ended_at") &&
                          TimeOf(change, change.before, "expires_at") > GetCurrentTimestamp();
    AuditRecord record;
    const bool ended = change.after == nullptr || (IsNull(change, change.before, "ended_at") &&
                                                   !IsNull(change, row, "ended_at"));
    if (ended && was_live) {
        const char* const end_reason =
            change.after == nullptr ? "removed" : TextOf(change, row, "end_reason");
        const bool logout = strcmp(end_reason, "logout") == 0;
        BeginChange(&record, logout ? AuditEvent::kLogout : AuditEvent::kSessionEnded, "session",
                    id);
        AddColumns(&record, change, row, {"role_name"});
        if (!logout) AddAuditDetail(&record, "reason", end_reason);
        PutAudit(record);
    }
    if (change.after == nullptr || ActsForAuditSubject(AuditSource::kApi)) return;
    constexpr const char* kSkippedColumns[] = {"last_used_at", "ended_at", "end_reason"};
    const int skipped = ended ? lengthof(kSkippedColumns) : 1;
    if (!DiffersBeside(change, kSkippedColumns, skipped)) return;
    BeginChange(&record, AuditEvent::kSessionChanged, "session", id);
    AddColumns(&record, change, row, {"role_name"});
    AddChanges(&record, change, kSkippedColumns, skipped);
    PutAudit(record);
}

}  // namespace pganalytics::pg
