// Audit denials: records each action that is refused because a privilege is missing, even if an
// EXCEPTION block catches the ERROR.
#pragma once

#include "pg/audit/record.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pganalytics::pg {

// PostgreSQL calls a DenialWatch for each ERROR 42501 that is raised while the watch is open, at
// the moment it is raised, whoever catches it. If an ERROR leaves the scope of a watch, nobody
// closes the watch: PostgreSQL removes it from its list by itself.
struct DenialWatch {
    ErrorContextCallback entry;
    Node* statement;           // the one that runs; nullptr: not known here
    const AuditRecord* about;  // its resource includes the schema, which messages omit; or nullptr
    bool holds_back;           // the opener records the denial; do not record it here
    bool held;                 // there is a denial that the opener must record
    bool heard_by_other;       // an inner watch has handled this ERROR
};

// WatchesDenials: somebody's action causes the ERRORs 42501 of this process, so they are recorded.
bool WatchesDenials();

void OpenDenialWatch(DenialWatch* watch, Node* statement);
// CloseDenialWatch is called only if no ERROR was raised.
void CloseDenialWatch(DenialWatch* watch);

// DenialIsTold: the caller has recorded the next ERROR 42501 of this process; do not record it
// again.
void DenialIsTold();

// DeniedRelation adds to a record the relation that a plan may not use, and the missing privilege.
// Returns false if there is none. Reads catalogs and may raise ERROR.
bool DeniedRelation(const QueryDesc* query, AuditRecord* record);

}  // namespace pganalytics::pg
