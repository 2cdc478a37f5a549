// Audit denials: refusals for want of a privilege, also of those that an EXCEPTION block swallows.
#pragma once

#include "pg/audit/record.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pganalytics::pg {

// DenialWatch hears of each ERROR 42501 that is raised while it is open, when it is raised: no
// matter who catches it. One that is closed by nobody, because an ERROR has passed it, is gone from
// PostgreSQL's list by itself.
struct DenialWatch {
    ErrorContextCallback entry;
    Node* statement;           // what runs, nullptr: not known here
    const AuditRecord* about;  // whose resource a message without an object is about, or nullptr
    bool holds_back;           // what it hears is told of by the one who has opened it
    bool held;                 // something was
    bool heard_by_other;       // an inner one has told of this ERROR
};

// WatchesDenials: in this process an ERROR 42501 is somebody's doing and is to be told of.
bool WatchesDenials();

void OpenDenialWatch(DenialWatch* watch, Node* statement);
// CloseDenialWatch is for the way without an ERROR.
void CloseDenialWatch(DenialWatch* watch);

// DenialIsTold: the next ERROR 42501 of this process has been told of in another way.
void DenialIsTold();

// DeniedRelation fills in the relation that a plan may not use, with what is missing. False if
// there is none. Reads catalogs and may raise ERROR.
bool DeniedRelation(const QueryDesc* query, AuditRecord* record);

}  // namespace pganalytics::pg
