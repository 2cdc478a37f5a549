// Audit notes: makes records of the kinds audit.*, with the details that a verification needs about
// a gap.
#include "bgworker/chores/audit_notes.hpp"

#include "pg/audit/head.hpp"

namespace pganalytics::bgworker {
namespace {

using protocol::AuditEvent;

// No log reaches this id. If somebody inserts a row with this id or a higher one, the next row does
// not continue from it.
constexpr int64 kMaxBelievedId = int64{1} << 62;

void AddTime(pg::AuditRecord* record, const char* key, TimestampTz time) {
    pg::AddAuditDetail(record, key, timestamptz_to_str(time));
}

void AddHash(pg::AuditRecord* record, const char* key, const pg::AuditHead& head) {
    const pg::AuditAnchor anchor = pg::AnchorOf(head);
    pg::AddAuditDetail(record, key, strchr(anchor.text, ':') + 1);
}

void NoteReplaced(const pg::AuditHead& known, AuditNotes* notes) {
    pg::AuditRecord* const note =
        AddNote(notes, AuditEvent::kAuditReplaced, "this log stands in the place of another");
    pg::AddAuditDetail(note, "other_last_id", known.id);
    AddHash(note, "other_last_hash", known);
}

// NoteMissing adds a note that makes a verification accept the gap before the note's own row, and
// only that gap.
void NoteMissing(int64 last_id, const pg::AuditHead& known, AuditNotes* notes) {
    pg::AuditRecord* const note = AddNote(notes, AuditEvent::kAuditGap, "rows are missing");
    pg::AddAuditDetail(note, "missing_from", last_id + 1);
    pg::AddAuditDetail(note, "missing_to", known.id);
    AddHash(note, "after_hash", known);
}

void NoteChanged(int64 id, AuditNotes* notes) {
    pg::AuditRecord* const note =
        AddNote(notes, AuditEvent::kAuditGap, "a row is not what was written");
    pg::AddAuditDetail(note, "changed_row", id);
}

void NoteAdded(const pg::AuditHead& known, int64 last_id, AuditNotes* notes) {
    pg::AuditRecord* const note =
        AddNote(notes, AuditEvent::kAuditGap, "rows were written by somebody else");
    pg::AddAuditDetail(note, "added_from", known.id + 1);
    pg::AddAuditDetail(note, "added_to", last_id);
}

}  // namespace

pg::AuditRecord* AddNote(AuditNotes* notes, AuditEvent event, std::string_view reason) {
    pg::AuditRecord* const note = &notes->list[notes->count++];
    pg::BeginAudit(note, event);
    pg::SetAuditResource(note, "table", "pganalytics.audit_log");
    if (!reason.empty()) pg::AddAuditDetail(note, "reason", reason);
    return note;
}

void StoreNotes(const AuditNotes& notes, pg::AuditHead* head) {
    const pg::AuditRecord* records[lengthof(notes.list)];
    for (uint32 i = 0; i < notes.count; ++i) records[i] = &notes.list[i];
    if (notes.count > 0) pg::StoreAuditRecords(records, notes.count, head);
}

pg::AuditHead ContinueLog(const pg::AuditTail& tail, const KnownEnd& known, AuditNotes* notes) {
    const pg::AuditHead& last = tail.last;
    const pg::AuditHead& head = known.head;
    if (!OidIsValid(head.log)) return last;
    if (head.log != last.log || head.database != last.database) {
        NoteReplaced(head, notes);
        return last;
    }
    if (last.id < head.id) {
        NoteMissing(last.id, head, notes);
        return head;
    }
    if (head.id > 0 && !(tail.has_known && tail.known_hash == head.hash)) {
        NoteChanged(head.id, notes);
        if (last.id == head.id) return head;
    }
    if (last.id == head.id || !known.exact) return last;
    NoteAdded(head, last.id, notes);
    pg::AuditHead next = head;
    if (last.id < kMaxBelievedId) next.id = last.id;
    return next;
}

void NoteLost(uint64 lost, TimestampTz since, AuditNotes* notes) {
    pg::AuditRecord* const note =
        AddNote(notes, AuditEvent::kAuditGap, "the buffer was full: events were lost");
    pg::AddAuditDetail(note, "lost", static_cast<int64>(lost));
    AddTime(note, "since", since);
}

void NoteCrash(const pg::AuditTail& tail, AuditNotes* notes) {
    pg::AuditRecord* const note = AddNote(notes, AuditEvent::kAuditGap,
                                          "the server has ended without audit.stopped: events of "
                                          "its last moments may be lost");
    AddTime(note, "from", tail.last.recorded_at);
    AddTime(note, "to", pg::AuditRingMadeAt());
}

void UnreadableOf(const pg::AuditRecord& record, pg::AuditRecord* readable) {
    *readable = record;
    char* const fields[] = {readable->actor,         readable->role,       readable->address,
                            readable->application,   readable->database,   readable->correlation_id,
                            readable->resource_type, readable->resource_id};
    for (char* field : fields) {
        for (char* c = field; *c != '\0'; ++c) {
            if (*c < ' ' || *c > '~') *c = '?';
        }
    }
    readable->details[0] = '\0';
    pg::AddAuditDetail(readable, "unreadable", true);
}

}  // namespace pganalytics::bgworker
