// Audit: makes the records of the audit log, and knows who acts in this process. Nothing here
// allocates or reads a catalog, and only RequireAuditRoom raises an ERROR: an event may be recorded
// while PostgreSQL handles an ERROR.
#pragma once

#include <string_view>

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

// AuditSubject: in whose name a worker acts now. A session of PostgreSQL has none: its records have
// its login role, address, application and database.
struct AuditSubject {
    AuditSource source;
    char actor[NAMEDATALEN];  // a role, or the id of a collector
    char address[64];
    char correlation_id[48];
};

// SetAuditSubject sets the subject until EndAuditSubject: events in between are recorded as its
// actions. Texts are cut to the size of their fields. If the correlation id is empty, a new one is
// made.
void SetAuditSubject(AuditSource source, std::string_view actor, std::string_view address,
                     std::string_view correlation_id);
void EndAuditSubject();

// SetAuditActor renames the current subject, once it has said who it is.
void SetAuditActor(std::string_view actor);
bool HasAuditSubject();
// AuditActor returns the name of the current subject. REQUIRES: HasAuditSubject.
std::string_view AuditActor();
bool ActsForAuditSubject(AuditSource source);

// ActsForSomebody: this process is a session, or a background worker that is not ours, or it has an
// audit subject.
bool ActsForSomebody();

// Auditing: pganalytics.audit is on and the library was preloaded.
bool Auditing();

// BeginAudit begins a record: it fills in what is known of this process and empties resource and
// details.
void BeginAudit(AuditRecord* record, protocol::AuditEvent event);

// SetAuditText copies a text into a field. Control characters and bytes that are not UTF-8 become
// \xHH. A text that does not fit is cut and ends in "…".
void SetAuditText(char* field, size_t size, std::string_view text);
template <size_t kSize>
void SetAuditText(char (&field)[kSize], std::string_view text) {
    SetAuditText(field, kSize, text);
}

// SetAuditResource names the object of the event, as in ("collector", its id), ("table",
// "public.orders").
void SetAuditResource(AuditRecord* record, std::string_view type, std::string_view id);

// AddAuditDetail adds a member to the details. If there is no room, the member is left out and
// "cut": true is added. A text of more than 512 bytes is cut and ends in "…".
void AddAuditDetail(AuditRecord* record, std::string_view key, std::string_view value);
void AddAuditDetail(AuditRecord* record, std::string_view key, int64 value);
void AddAuditDetail(AuditRecord* record, std::string_view key, bool value);
// Without this overload a string literal would become a bool.
inline void AddAuditDetail(AuditRecord* record, std::string_view key, const char* value) {
    AddAuditDetail(record, key, std::string_view(value));
}

// AuditValue is a value of a column: NULL, a text, or JSON that is copied as it is (a number, a
// boolean).
struct AuditValue {
    enum class Kind : uint8 { kNull, kText, kJson } kind;
    std::string_view text;
};
void AddAuditDetail(AuditRecord* record, std::string_view key, const AuditValue& value);

// AddAuditChange adds "key": {"old": ..., "new": ...}.
void AddAuditChange(AuditRecord* record, std::string_view key, const AuditValue& before,
                    const AuditValue& after);

// PutAudit puts the record into the ring. If a rollback undoes the event, PutAudit also counts it:
// if the transaction or the savepoint is rolled back, another record says how many events that
// undid.
void PutAudit(const AuditRecord& record);

// ToldDenials counts the access.denied that this process has recorded. Code that turns an ERROR
// into an answer sees from it whether the denial has been recorded already.
uint64 ToldDenials();

// RequireAuditRoom is called before an action that can still be refused: ERROR 53000
// (insufficient_resources) if the buffer is full and pganalytics.audit_overflow is 'refuse'.
void RequireAuditRoom();

}  // namespace pganalytics::pg
