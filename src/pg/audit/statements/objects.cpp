// Audit objects: looks up names. If an object does not exist, these functions use the name as the
// statement has it. PostgreSQL's own functions would raise an ERROR.
#include "pg/audit/statements/objects.hpp"

#include "pg/audit/role.hpp"

extern "C" {
#include "nodes/value.h"
#include "parser/parse_type.h"
}

namespace pganalytics::pg {
namespace {

const char* CreationSchema() {
    List* const path = fetch_search_path(false);
    return path == NIL ? nullptr : get_namespace_name(linitial_oid(path));
}

const char* Qualified(const char* schema, const char* name) {
    return schema == nullptr ? quote_identifier(name) : quote_qualified_identifier(schema, name);
}

const char* StringAt(const List* list, int n) { return strVal(list_nth(list, n)); }

// RelationOfNames makes a RangeVar from the first `count` Strings of a list. The last of them names
// the relation.
RangeVar RelationOfNames(const List* names, int count) {
    RangeVar relation = {};
    relation.relpersistence = RELPERSISTENCE_PERMANENT;
    relation.relname = pstrdup(StringAt(names, count - 1));
    if (count > 1) relation.schemaname = pstrdup(StringAt(names, count - 2));
    return relation;
}

// NameOfType returns the name of an existing type, with its schema.
const char* NameOfType(const TypeName* type) {
    if (list_length(type->names) != 1 || !OidIsValid(MyDatabaseId)) return TypeNameOf(type);
    const char* const name = StringAt(type->names, 0);
    const Oid oid = TypenameGetTypid(name);
    return OidIsValid(oid) ? format_type_extended(oid, -1, FORMAT_TYPE_FORCE_QUALIFY)
                           : quote_identifier(name);
}

// SchemaOfFunctions returns the schema of the functions with an unqualified name; nullptr if they
// are in several schemas or if there is no such function.
const char* SchemaOfFunctions(List* names) {
    Oid schema = InvalidOid;
    FuncCandidateList candidates = FuncnameGetCandidates(names, -1, NIL, false, false, false, true);
    for (; candidates != nullptr; candidates = candidates->next) {
        const Oid one = get_func_namespace(candidates->oid);
        if (OidIsValid(schema) && one != schema) return nullptr;
        schema = one;
    }
    return OidIsValid(schema) ? get_namespace_name(schema) : nullptr;
}

bool IsFunction(ObjectType type) {
    return type == OBJECT_FUNCTION || type == OBJECT_PROCEDURE || type == OBJECT_ROUTINE ||
           type == OBJECT_AGGREGATE;
}

// Join calls write(text, element) for each element of a list and puts ", " between what the calls
// append.
template <typename Write>
void Join(StringInfo text, List* list, Write&& write) {
    ListCell* cell = nullptr;
    foreach (cell, list) {
        if (cell != list_head(list)) appendStringInfoString(text, ", ");
        write(text, lfirst(cell));
    }
}

template <typename Write>
const char* Join(List* list, Write&& write) {
    StringInfoData text;
    initStringInfo(&text);
    Join(&text, list, write);
    return text.data;
}

const char* NameWithArguments(ObjectType type, const ObjectWithArgs* object) {
    StringInfoData text;
    initStringInfo(&text);
    const char* const schema = list_length(object->objname) == 1 && IsFunction(type)
                                   ? SchemaOfFunctions(object->objname)
                                   : nullptr;
    appendStringInfoString(&text, schema == nullptr
                                      ? NameOfList(object->objname, Purpose::kFind)
                                      : Qualified(schema, StringAt(object->objname, 0)));
    if (object->args_unspecified) return text.data;
    appendStringInfoChar(&text, '(');
    Join(&text, object->objargs, [](StringInfo out, void* element) {
        const auto* const argument = static_cast<TypeName*>(element);
        // A prefix operator has no left operand.
        appendStringInfoString(out, argument == nullptr ? "none" : TypeNameOf(argument));
    });
    appendStringInfoChar(&text, ')');
    return text.data;
}

// NameOfMixed joins a list whose elements are not all Strings: the types of a cast, or the type and
// the name of a domain's constraint.
const char* NameOfMixed(List* parts) {
    return Join(parts, [](StringInfo out, void* element) {
        auto* const part = static_cast<Node*>(element);
        if (IsA(part, TypeName)) {
            appendStringInfoString(out, TypeNameOf(reinterpret_cast<TypeName*>(part)));
        } else if (IsA(part, String)) {
            appendStringInfoString(out, quote_identifier(strVal(part)));
        }
    });
}

bool IsRelation(ObjectType type) {
    switch (type) {
        case OBJECT_TABLE:
        case OBJECT_INDEX:
        case OBJECT_SEQUENCE:
        case OBJECT_VIEW:
        case OBJECT_MATVIEW:
        case OBJECT_FOREIGN_TABLE:
            return true;
        default:
            return false;
    }
}

bool IsOfRelation(ObjectType type) {
    return type == OBJECT_COLUMN || type == OBJECT_TRIGGER || type == OBJECT_RULE ||
           type == OBJECT_POLICY || type == OBJECT_TABCONSTRAINT;
}

bool HoldsOnlyStrings(const List* list) {
    ListCell* cell = nullptr;
    foreach (cell, list) {
        if (lfirst(cell) == nullptr || !IsA(lfirst(cell), String)) return false;
    }
    return list != NIL;
}

}  // namespace

const char* NameOfRelation(const RangeVar* relation, Purpose purpose) {
    const char* schema = relation->schemaname;
    if (relation->relpersistence == RELPERSISTENCE_TEMP ||
        (schema != nullptr && strcmp(schema, "pg_temp") == 0)) {
        return nullptr;
    }
    if (purpose == Purpose::kCreate) {
        if (schema == nullptr) schema = CreationSchema();
    } else {
        const Oid oid = schema == nullptr
                            ? RelnameGetRelid(relation->relname)
                            : get_relname_relid(relation->relname, get_namespace_oid(schema, true));
        const Oid found = OidIsValid(oid) ? get_rel_namespace(oid) : InvalidOid;
        if (OidIsValid(found)) schema = get_namespace_name(found);
    }
    if (schema != nullptr && strncmp(schema, "pg_temp_", 8) == 0) return nullptr;
    return Qualified(schema, relation->relname);
}

const char* NameOfList(List* names, Purpose purpose) {
    if (!HoldsOnlyStrings(names)) return NameOfMixed(names);
    const int count = list_length(names);
    const char* const name = StringAt(names, count - 1);
    if (count > 1) return Qualified(StringAt(names, count - 2), name);
    return Qualified(purpose == Purpose::kCreate ? CreationSchema() : nullptr, name);
}

const char* NameOfObject(ObjectType type, Node* object) {
    if (object == nullptr) return "";
    switch (nodeTag(object)) {
        case T_String:
            return quote_identifier(strVal(object));
        case T_Integer:
            return psprintf("%d", intVal(object));
        case T_Float:
            return castNode(Float, object)->fval;
        case T_TypeName:
            return NameOfType(reinterpret_cast<TypeName*>(object));
        case T_ObjectWithArgs:
            return NameWithArguments(type, reinterpret_cast<ObjectWithArgs*>(object));
        case T_RangeVar:
            return NameOfRelation(reinterpret_cast<RangeVar*>(object), Purpose::kFind);
        case T_List:
            break;
        default:
            return "";
    }
    auto* const list = reinterpret_cast<List*>(object);
    const int count = list_length(list);
    if (HoldsOnlyStrings(list) && IsRelation(type)) {
        const RangeVar relation = RelationOfNames(list, count);
        return NameOfRelation(&relation, Purpose::kFind);
    }
    if (HoldsOnlyStrings(list) && IsOfRelation(type) && count > 1) {
        const RangeVar relation = RelationOfNames(list, count - 1);
        return NameOfMember(StringAt(list, count - 1), &relation);
    }
    if ((type == OBJECT_OPCLASS || type == OBJECT_OPFAMILY) && count > 1) {
        // The first String is the access method.
        return NameOfList(list_copy_tail(list, 1), Purpose::kFind);
    }
    return NameOfList(list, Purpose::kFind);
}

const char* NameOfFunction(const CreateFunctionStmt* statement) {
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "%s(", NameOfList(statement->funcname, Purpose::kCreate));
    const char* separator = "";
    ListCell* cell = nullptr;
    foreach (cell, statement->parameters) {
        const auto* const parameter = static_cast<FunctionParameter*>(lfirst(cell));
        if (parameter->mode == FUNC_PARAM_OUT || parameter->mode == FUNC_PARAM_TABLE) continue;
        appendStringInfo(&text, "%s%s", separator, TypeNameOf(parameter->argType));
        separator = ", ";
    }
    appendStringInfoChar(&text, ')');
    return text.data;
}

const char* TypeNameOf(const TypeName* type) {
    constexpr std::string_view kBuiltIn = "pg_catalog.";
    const char* const name = TypeNameToString(type);
    return std::string_view(name).starts_with(kBuiltIn) ? name + kBuiltIn.size() : name;
}

const char* NameOfMember(const char* name, const RangeVar* relation) {
    const char* const owner = NameOfRelation(relation, Purpose::kFind);
    return owner == nullptr ? nullptr : psprintf("%s on %s", quote_identifier(name), owner);
}

const char* NameOfRole(const RoleSpec* role) {
    if (role == nullptr) return "";
    switch (role->roletype) {
        case ROLESPEC_CSTRING:
            return role->rolename;
        case ROLESPEC_PUBLIC:
            return "public";
        case ROLESPEC_SESSION_USER: {
            const char* const name = GetUserNameFromId(GetSessionUserId(), true);
            return name == nullptr ? "" : name;
        }
        default:
            return pstrdup(ActingRole().data());
    }
}

const char* NamesOfRoles(List* roles) {
    return Join(roles, [](StringInfo out, void* role) {
        appendStringInfoString(out, quote_identifier(NameOfRole(static_cast<RoleSpec*>(role))));
    });
}

const char* NamesOf(List* strings) {
    return Join(strings, [](StringInfo out, void* string) {
        appendStringInfoString(out, quote_identifier(strVal(string)));
    });
}

}  // namespace pganalytics::pg
