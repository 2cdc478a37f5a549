// Audit DDL: the object of a statement that creates or alters one.
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

// TargetOfDdl gives the object of a statement. False if it is about none, about several (DROP,
// TRUNCATE), or no DDL.
bool TargetOfDdl(Node* statement, DdlTarget* target);
// TargetOfCreate is its part for what is made in a schema.
bool TargetOfCreate(Node* statement, DdlTarget* target);

}  // namespace pganalytics::pg
