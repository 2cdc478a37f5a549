// Audit notes: audit records about the audit log itself, and the check of the log's end when the
// audit worker starts or resumes.
#pragma once

#include "pg/audit/record.hpp"
#include "pg/audit/store.hpp"

namespace pganalytics::bgworker {

// AuditNotes are records that the audit worker itself makes, in the order in which it stores them.
struct AuditNotes {
    pg::AuditRecord list[4];
    uint32 count;
};

// AddNote begins the next note and returns it, so that the caller can add details. The note's
// resource is the audit log.
pg::AuditRecord* AddNote(AuditNotes* notes, protocol::AuditEvent event, std::string_view reason);

// StoreNotes appends the notes to the log. It has the errors and requirements of StoreAuditRecords.
void StoreNotes(const AuditNotes& notes, pg::AuditHead* head);

// KnownEnd is the last known end of the audit log. `exact` is true if a worker has committed that
// end since the server started. If it is false, the end comes from a file, and valid rows may
// follow it.
struct KnownEnd {
    pg::AuditHead head;  // if head.log is 0, the end is unknown
    bool exact;
};

// ContinueLog compares the end of the table with the known end, adds a note for each fault, and
// returns the head to which the next row is chained. If rows were changed after they were written,
// it returns the head of the original row, so that the chain shows the change forever.
pg::AuditHead ContinueLog(const pg::AuditTail& tail, const KnownEnd& known, AuditNotes* notes);

// NoteLost notes that records were lost because the buffer was full.
void NoteLost(uint64 lost, TimestampTz since, AuditNotes* notes);

// NoteCrash notes that the server ended without an audit.stopped record.
void NoteCrash(const pg::AuditTail& tail, AuditNotes* notes);

// UnreadableOf makes *readable from a record that PostgreSQL refuses to store: it replaces the
// characters that are not printable ASCII and leaves out the details.
void UnreadableOf(const pg::AuditRecord& record, pg::AuditRecord* readable);

}  // namespace pganalytics::bgworker
