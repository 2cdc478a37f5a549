// Audit notes: the records about the log itself, and the check of the log's end when the audit
// worker starts or resumes.
#pragma once

#include "pg/audit/record.hpp"
#include "pg/audit/store.hpp"

namespace pganalytics::bgworker {

// AuditNotes are records that the worker itself makes, in the order in which to store them.
struct AuditNotes {
    pg::AuditRecord list[4];
    uint32 count;
};

// AddNote begins the next note. Its resource is the log.
pg::AuditRecord* AddNote(AuditNotes* notes, protocol::AuditEvent event, std::string_view reason);

// StoreNotes appends the notes to the log. ERROR and REQUIRES as StoreAuditRecords.
void StoreNotes(const AuditNotes& notes, pg::AuditHead* head);

// KnownEnd is the end of the log as it was last seen.
struct KnownEnd {
    pg::AuditHead head;  // log 0: unknown
    bool exact;          // committed by a worker of this server; if false, valid rows may follow it
};

// ContinueLog compares the end of the table with the known end, adds a note for each fault, and
// returns the row to which the next one is chained. If rows were changed, that is the original row,
// so that the chain shows the change forever.
pg::AuditHead ContinueLog(const pg::AuditTail& tail, const KnownEnd& known, AuditNotes* notes);

// NoteLost notes that records were lost because the buffer was full.
void NoteLost(uint64 lost, TimestampTz since, AuditNotes* notes);

// NoteCrash notes that the server ended without an audit.stopped record.
void NoteCrash(const pg::AuditTail& tail, AuditNotes* notes);

// UnreadableOf writes to *readable what can be stored of a record that PostgreSQL refuses.
void UnreadableOf(const pg::AuditRecord& record, pg::AuditRecord* readable);

}  // namespace pganalytics::bgworker
