// Audit denials: records each action that is refused because a privilege is missing (ERROR 42501),
// even if an EXCEPTION block catches the ERROR.
#pragma once

#include "pg/audit/record.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pganalytics::pg {

// DenialWatch is an error context callback. While the watch is open, PostgreSQL calls it at the
// moment an ERROR 42501 is raised, whether or not somebody catches the ERROR later. If an ERROR
// leaves the scope of a watch, do not close the watch: PostgreSQL itself removes it from its list.
struct DenialWatch {
    ErrorContextCallback entry;
    Node* statement;           // the statement that runs; nullptr: the opener does not know it
    const AuditRecord* about;  // names the object with its schema, which messages omit; or nullptr
    bool holds_back;           // the opener records the denial, not the callback
    bool held;                 // a denial has occurred that the opener must record
    bool heard_by_other;       // an inner watch has handled this ERROR; ignore it
};

// WatchesDenials: auditing is on and this process acts for somebody (ActsForSomebody), so the audit
// log records its ERRORs 42501. False in a parallel worker, because its leader records them.
bool WatchesDenials();

void OpenDenialWatch(DenialWatch* watch, Node* statement);
// Call CloseDenialWatch only if no ERROR was raised.
void CloseDenialWatch(DenialWatch* watch);

// MarkDenialRecorded says that the caller has already recorded the next ERROR 42501 of this
// process, so that it is not recorded again.
void MarkDenialRecorded();

// DeniedRelation adds to a record the relation that a plan may not use, and the missing privilege.
// Returns false if no privilege is missing. Reads catalogs and may raise any ERROR of reading them.
bool DeniedRelation(const QueryDesc* query, AuditRecord* record);

}  // namespace pganalytics::pg
