// Audit DDL: finds the object that a statement creates or alters.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// DdlTarget: the kind of the object and its name; the name is nullptr if it is temporary.
struct DdlTarget {
    const char* kind;
    const char* name;
};

// TargetOfDdl finds the object of a statement. Returns false if the statement has no object or
// several (DROP, TRUNCATE), or is no DDL.
bool TargetOfDdl(Node* statement, DdlTarget* target);
// TargetOfCreate is the part of TargetOfDdl for statements that create an object in a schema.
bool TargetOfCreate(Node* statement, DdlTarget* target);

}  // namespace pganalytics::pg
