// Audit objects: names of objects as the audit log shows them, rebuilt from parse trees. Nothing
// here takes a lock or asks for a privilege.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// KindOfObject: "table", "foreign server", ...
const char* KindOfObject(ObjectType type);

// Purpose: an object is to be made, so that it will be in the first schema of search_path, or it is
// looked for along the whole of it.
enum class Purpose { kCreate, kFind };

// NameOfRelation gives its quoted name with the schema, nullptr if it is temporary.
const char* NameOfRelation(const RangeVar* relation, Purpose purpose);

// NameOfList gives the quoted name of something that is no relation from a list of Strings; if it
// is to be made, with the schema.
const char* NameOfList(List* names, Purpose purpose);

// NameOfObject names what a parse tree holds of an object of a type in its many ways; nullptr if it
// is a temporary relation or belongs to one.
const char* NameOfObject(ObjectType type, Node* object);

const char* NameOfFunction(const CreateFunctionStmt* statement);

const char* TypeNameOf(const TypeName* type);

// NameOfMember: "NAME on RELATION"; nullptr if the relation is temporary.
const char* NameOfMember(const char* name, const RangeVar* relation);

// NameOfRole gives the plain name that a RoleSpec stands for.
const char* NameOfRole(const RoleSpec* role);

// NamesOfRoles and NamesOf give lists of RoleSpecs and of Strings as text.
const char* NamesOfRoles(List* roles);
const char* NamesOf(List* strings);

}  // namespace pganalytics::pg
