// Audit: making the records of the audit log, and who acts in this process. Nothing here raises an
// ERROR but RequireAuditRoom, allocates, or reads a catalog: an event may be told of while an ERROR
// is under way.
#pragma once

#include <string_view>

#include "pg/audit/ring.hpp"

namespace pganalytics::pg {

// AuditSubject: in whose name a worker acts now. In a session of PostgreSQL there is none: its
// login role, address, application and database are filled in.
struct AuditSubject {
    AuditSource source;
    char actor[NAMEDATALEN];  // a role, or the id of a collector
    char address[64];
    char correlation_id[48];
};

// SetAuditSubject holds until EndAuditSubject: what happens in between is told of as this subject's
// doing. Texts are cut to their fields. Without a correlation id it gets one of its own.
void SetAuditSubject(AuditSource source, std::string_view actor, std::string_view address,
                     std::string_view correlation_id);
void EndAuditSubject();

// SetAuditActor gives the subject of now another name: it has said who it is.
void SetAuditActor(std::string_view actor);
bool HasAuditSubject();
// AuditActor gives the name of the subject of now. REQUIRES: HasAuditSubject.
std::string_view AuditActor();
bool ActsForAuditSubject(AuditSource source);

// ActsForSomebody: a session acts here, or an audit subject, or a background worker that is not
// ours.
bool ActsForSomebody();

// Auditing: pganalytics.audit is on and the library was preloaded.
bool Auditing();

// BeginAudit fills a record with what is known of this process, without resource and details.
void BeginAudit(AuditRecord* record, protocol::AuditEvent event);

// SetAuditText copies a text into a field: bytes that are no UTF-8, and control characters, become
// \xHH, and what does not fit is cut with a mark ("…") at its end.
void SetAuditText(char* field, size_t size, std::string_view text);
template <size_t kSize>
void SetAuditText(char (&field)[kSize], std::string_view text) {
    SetAuditText(field, kSize, text);
}

// SetAuditResource names what it was about, as in ("collector", its id), ("table",
// "public.orders").
void SetAuditResource(AuditRecord* record, std::string_view type, std::string_view id);

// AddAuditDetail adds a member to the details. A member that has no room is left out, and "cut":
// true says so; a text of more than 512 bytes is cut with a mark.
void AddAuditDetail(AuditRecord* record, std::string_view key, std::string_view value);
void AddAuditDetail(AuditRecord* record, std::string_view key, int64 value);
void AddAuditDetail(AuditRecord* record, std::string_view key, bool value);
// A literal would otherwise choose bool.
inline void AddAuditDetail(AuditRecord* record, std::string_view key, const char* value) {
    AddAuditDetail(record, key, std::string_view(value));
}

// AuditValue is a value of a column: NULL, a text, or what is JSON as it stands (a number, a
// boolean).
struct AuditValue {
    enum class Kind : uint8 { kNull, kText, kJson } kind;
    std::string_view text;
};
void AddAuditDetail(AuditRecord* record, std::string_view key, const AuditValue& value);

// AddAuditChange adds "key": {"old": ..., "new": ...}.
void AddAuditChange(AuditRecord* record, std::string_view key, const AuditValue& before,
                    const AuditValue& after);

// PutAudit puts the record on its way. Of an event that a rollback undoes it remembers that this
// transaction has told of it: if it, or the savepoint, is rolled back, that is told of, too.
void PutAudit(const AuditRecord& record);

// ToldDenials counts the access.denied that this process has put on their way: who turns an ERROR
// into an answer sees by it whether somebody has told of it.
uint64 ToldDenials();

// RequireAuditRoom is called before an action that can still be refused: ERROR 53000
// (insufficient_resources) if the buffer is full and pganalytics.audit_overflow is 'refuse'.
void RequireAuditRoom();

}  // namespace pganalytics::pg
