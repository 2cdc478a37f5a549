// Audit notes: what the audit worker itself tells of, and what it finds when it comes back to a
// log.
#pragma once

#include "pg/audit/record.hpp"
#include "pg/audit/store.hpp"

namespace pganalytics::bgworker {

// AuditNotes are records of the worker's own, in the order in which they are to be stored.
struct AuditNotes {
    pg::AuditRecord list[4];
    uint32 count;
};

// AddNote begins the next one, about the log.
pg::AuditRecord* AddNote(AuditNotes* notes, protocol::AuditEvent event, std::string_view reason);

// StoreNotes appends them. ERROR and REQUIRES as StoreAuditRecords.
void StoreNotes(const AuditNotes& notes, pg::AuditHead* head);

// KnownEnd is where the log ended when it was last seen.
struct KnownEnd {
    pg::AuditHead head;  // log 0: nothing is known
    bool exact;          // this server's worker has committed it; else rows may have come behind it
};

// ContinueLog compares the end of the table with what is known, notes what is wrong, and gives the
// row after which the log goes on: where rows were changed, the one that was there before, so that
// the chain shows it for ever.
pg::AuditHead ContinueLog(const pg::AuditTail& tail, const KnownEnd& known, AuditNotes* notes);

// NoteLost tells of records that found the buffer full.
void NoteLost(uint64 lost, TimestampTz since, AuditNotes* notes);

// NoteCrash tells that the server has ended without the worker's last word.
void NoteCrash(const pg::AuditTail& tail, AuditNotes* notes);

// UnreadableOf gives what can be stored of a record that PostgreSQL does not take as it is.
void UnreadableOf(const pg::AuditRecord& record, pg::AuditRecord* readable);

}  // namespace pganalytics::bgworker
