// Audit DDL: finds the object that a statement creates or alters.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// DdlTarget: the kind of an object and its name. The name is nullptr if the object is temporary.
struct DdlTarget {
    const char* kind;
    const char* name;
};

// TargetOfDdl finds the object that a statement creates or alters. Returns false if the statement
// is no DDL, or has no single object (DROP, TRUNCATE).
bool TargetOfDdl(Node* statement, DdlTarget* target);
// TargetOfCreate is the part of TargetOfDdl for statements that create an object in a schema.
bool TargetOfCreate(Node* statement, DdlTarget* target);

}  // namespace pganalytics::pg
