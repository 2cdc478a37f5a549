// Audit: makes the records of the audit log, and knows who acts in this process. PostgreSQL may be
// handling an ERROR while an event is recorded. So nothing here allocates or reads a catalog, and
// only RequireAuditRoom raises an ERROR.
#pragma once

#include <string_view>

#include "pg/audit/counted.hpp"
#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

// AuditSubject is the person or collector in whose name a worker acts now. A session of PostgreSQL
// has no subject: its records have its login role, address, application and database.
struct AuditSubject {
    AuditSource source;
    char actor[NAMEDATALEN];  // a role, or the id of a collector
    char address[64];
    char correlation_id[48];
};

// SetAuditSubject sets the subject. Events from then until EndAuditSubject are recorded as actions
// of this subject. Texts are cut to the size of their fields. If the correlation id is empty,
// SetAuditSubject makes a new one.
void SetAuditSubject(AuditSource source, std::string_view actor, std::string_view address,
                     std::string_view correlation_id);
void EndAuditSubject();

// SetAuditActor changes the actor of the current subject. Call it when a request names somebody
// (for example at a login).
void SetAuditActor(std::string_view actor);
// AuditActor returns the name of the current subject. REQUIRES: a subject is set.
std::string_view AuditActor();
bool ActsForAuditSubject(AuditSource source);

// ActsForSomebody: this process is a session, a background worker of another library, or one of our
// workers while it has an audit subject.
bool ActsForSomebody();

// Auditing: pganalytics.audit is on and the library was preloaded.
bool Auditing();

// BeginAudit begins a record: it fills in the event and what is known of this process, and empties
// the resource and the details.
void BeginAudit(AuditRecord* record, protocol::AuditEvent event);

// SetAuditText copies a text into a field. Each control character and each byte that is not UTF-8
// becomes \xHH. A text that does not fit is cut and ends in "...".
void SetAuditText(char* field, size_t size, std::string_view text);
template <size_t kSize>
void SetAuditText(char (&field)[kSize], std::string_view text) {
    SetAuditText(field, kSize, text);
}

// SetAuditResource names the object of the event. Examples: ("collector", its id), ("table",
// "public.orders").
void SetAuditResource(AuditRecord* record, std::string_view type, std::string_view id);

// AddAuditDetail adds one member to the details. If there is no room for the member, it adds "cut":
// true instead. A text of more than 512 bytes is cut and ends in "...".
void AddAuditDetail(AuditRecord* record, std::string_view key, std::string_view value);
void AddAuditDetail(AuditRecord* record, std::string_view key, int64 value);
void AddAuditDetail(AuditRecord* record, std::string_view key, bool value);
// Without this overload a string literal would become a bool.
inline void AddAuditDetail(AuditRecord* record, std::string_view key, const char* value) {
    AddAuditDetail(record, key, std::string_view(value));
}

// AuditValue is the value of a column: NULL, a text, or JSON. JSON (a number or a boolean) is
// copied unchanged.
struct AuditValue {
    enum class Kind : uint8 { kNull, kText, kJson } kind;
    std::string_view text;
};
void AddAuditDetail(AuditRecord* record, std::string_view key, const AuditValue& value);

// AddAuditChange adds "key": {"old": ..., "new": ...}.
void AddAuditChange(AuditRecord* record, std::string_view key, const AuditValue& before,
                    const AuditValue& after);

// PutAudit records the event, unless pganalytics.audit_kinds leaves it out. Failed logins, denials,
// refreshed tokens and failed statements are counted (counted.hpp); all others go into the ring. If
// a rollback can undo an event (`transactional` in protocol/audit_events.hpp), PutAudit also counts
// it: when the transaction or the savepoint is rolled back, one more record says how many events
// the rollback has undone.
void PutAudit(const AuditRecord& record);

// PutCountedAudit counts `count` events in the tally that the caller names.
void PutCountedAudit(const AuditRecord& record, const CountedAs& as, uint64 count);

// AddAuditCount adds to the record of a count how many events it stands for, and the time in which
// they came. If the details have no room for it, the other details are dropped.
void AddAuditCount(AuditRecord* record, const CountedAudit& counted);

// RecordedDenials returns how many access.denied events this process has recorded. Code that turns
// an ERROR into an answer reads the number before the work that can fail. If the number has grown
// since, the denial is recorded already.
uint64 RecordedDenials();

// RequireAuditRoom refuses the action that the caller is about to do: ERROR 53000
// (insufficient_resources) if the buffer is full, pganalytics.audit_overflow is 'refuse' and an
// audit worker has served the log since the server started. Call it while the action can still be
// refused.
void RequireAuditRoom();

}  // namespace pganalytics::pg
