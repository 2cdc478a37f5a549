// Audit objects: makes names of objects for the audit log from parse trees. Nothing here takes a
// lock or checks a privilege.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// KindOfObject returns the word for a type of objects, as in "table" or "foreign server".
const char* KindOfObject(ObjectType type);

// Purpose: why a statement names an object. kCreate: it creates the object, in the first schema of
// search_path. kFind: the object exists, and PostgreSQL looks for it along the whole search_path.
enum class Purpose { kCreate, kFind };

// NameOfRelation returns the quoted name of a relation with its schema, nullptr if it is temporary.
const char* NameOfRelation(const RangeVar* relation, Purpose purpose);

// NameOfList returns the quoted name of an object that is no relation. `names` is a list of
// Strings. If the statement creates the object, the name has the schema.
const char* NameOfList(List* names, Purpose purpose);

// NameOfObject returns the name of an object of any type, in whatever form a parse tree has it;
// nullptr if it is a temporary relation or belongs to one.
const char* NameOfObject(ObjectType type, Node* object);

const char* NameOfFunction(const CreateFunctionStmt* statement);

const char* TypeNameOf(const TypeName* type);

// NameOfMember returns "NAME on RELATION"; nullptr if the relation is temporary.
const char* NameOfMember(const char* name, const RangeVar* relation);

// NameOfRole returns the unquoted name that a RoleSpec stands for.
const char* NameOfRole(const RoleSpec* role);

// NamesOfRoles returns the names in a list of RoleSpecs, NamesOf those in a list of Strings. Both
// separate the names by commas.
const char* NamesOfRoles(List* roles);
const char* NamesOf(List* strings);

}  // namespace pganalytics::pg
