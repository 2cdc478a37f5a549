// Audit setting statements: records ALTER SYSTEM, ALTER DATABASE ... SET and ALTER ROLE ... SET,
// with the value before and after.
#include "pg/audit/statements/objects.hpp"
#include "pg/audit/statements/settings.hpp"
#include "pg/audit/statements/statements.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

// ValueOf returns the values that follow SET. The grammar allows only constants there.
const char* ValueOf(const VariableSetStmt* set) {
    StringInfoData text;
    initStringInfo(&text);
    ListCell* cell = nullptr;
    foreach (cell, set->args) {
        auto* const node = static_cast<Node*>(lfirst(cell));
        if (text.len > 0) appendStringInfoString(&text, ", ");
        if (!IsA(node, A_Const)) continue;
        A_Const* const constant = castNode(A_Const, node);
        switch (nodeTag(&constant->val)) {
            case T_Integer:
                appendStringInfo(&text, "%d", intVal(&constant->val));
                break;
            case T_Float:
                appendStringInfoString(&text, castNode(Float, &constant->val)->fval);
                break;
            case T_Boolean:
                appendStringInfoString(&text, boolVal(&constant->val) ? "on" : "off");
                break;
            case T_String:
                appendStringInfoString(&text, strVal(&constant->val));
                break;
            default:
                break;
        }
    }
    return text.data;
}

// ValueInForce returns the value in force. For a superuser the value has its unit. For other roles
// it has none: GetConfigOptionByName, which adds the unit, can raise an ERROR for lack of a
// privilege.
const char* ValueInForce(const char* name) {
    return superuser() ? GetConfigOptionByName(name, nullptr, true)
                       : GetConfigOption(name, true, false);
}

// ValueIn returns the value of a setting in an array of "name=value", nullptr if the array does not
// have it.
const char* ValueIn(ArrayType* settings, const char* name) {
    Datum* elements = nullptr;
    int count = 0;
    deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
    const size_t length = strlen(name);
    for (int i = 0; i < count; ++i) {
        char* const pair = TextDatumGetCString(elements[i]);
        if (pg_strncasecmp(pair, name, length) == 0 && pair[length] == '=') {
            return pair + length + 1;
        }
    }
    return nullptr;
}

// StoredValue returns the value that an earlier ALTER DATABASE or ALTER ROLE has set, nullptr if
// there is no such value.
const char* StoredValue(Oid database, Oid role, const char* name) {
    const char* value = nullptr;
    Relation const relation = table_open(DbRoleSettingRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(database));
    ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(role));
    SysScanDesc const scan =
        systable_beginscan(relation, DbRoleSettingDatidRolidIndexId, true, nullptr, 2, keys);
    HeapTuple const tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        bool is_null = true;
        const Datum settings = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
                                            RelationGetDescr(relation), &is_null);
        if (!is_null) value = ValueIn(DatumGetArrayTypePCopy(settings), name);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return value;
}

void Describe(Node* statement, VariableSetStmt* set, const char* scope, const char* target,
              const char* old_value, List** records) {
    const char* const name = set->kind == VAR_RESET_ALL ? "all" : set->name;
    const AuditEvent event = set->kind == VAR_RESET_ALL || ProtectsServer(name)
                                 ? AuditEvent::kSecurityConfigured
                                 : AuditEvent::kSettingAltered;
    AuditRecord* const record = AddStatementRecord(records, event, statement, "setting", name);
    AddAuditDetail(record, "scope", scope);
    if (target[0] != '\0') AddAuditDetail(record, "of", target);
    if (set->kind == VAR_RESET_ALL) return;
    if (old_value != nullptr) AddAuditDetail(record, "old", AuditedValue(name, old_value));
    if (set->kind != VAR_SET_VALUE && set->kind != VAR_SET_CURRENT) {
        AddAuditDetail(record, "reset", true);
    }
}

void DescribeOfRole(AlterRoleSetStmt* alter, List** records) {
    const char* const role = alter->role == nullptr ? "" : NameOfRole(alter->role);
    const Oid role_oid = alter->role == nullptr ? InvalidOid : get_role_oid(role, true);
    const Oid database =
        alter->database == nullptr ? InvalidOid : get_database_oid(alter->database, true);
    const VariableSetStmt* const set = alter->setstmt;
    const char* const old_value =
        set->name == nullptr ? nullptr : StoredValue(database, role_oid, set->name);
    Describe(reinterpret_cast<Node*>(alter), alter->setstmt, "role",
             alter->role == nullptr ? "all" : role, old_value, records);
    if (alter->database != nullptr) {
        AddAuditDetail(static_cast<AuditRecord*>(llast(*records)), "in_database", alter->database);
    }
}

const VariableSetStmt* SetOf(Node* statement) {
    switch (nodeTag(statement)) {
        case T_AlterSystemStmt:
            return reinterpret_cast<AlterSystemStmt*>(statement)->setstmt;
        case T_AlterDatabaseSetStmt:
            return reinterpret_cast<AlterDatabaseSetStmt*>(statement)->setstmt;
        case T_AlterRoleSetStmt:
            return reinterpret_cast<AlterRoleSetStmt*>(statement)->setstmt;
        default:
            return nullptr;
    }
}

}  // namespace

void CompleteSettingRecord(Node* statement, AuditRecord* record) {
    const VariableSetStmt* const set = SetOf(statement);
    if (set == nullptr) return;
    const char* value = nullptr;
    if (set->kind == VAR_SET_VALUE) value = ValueOf(set);
    if (set->kind == VAR_SET_CURRENT) value = GetConfigOption(set->name, true, false);
    if (value != nullptr) AddAuditDetail(record, "new", AuditedValue(set->name, value));
}

bool DescribeSettingStatement(Node* statement, List** records) {
    switch (nodeTag(statement)) {
        case T_AlterSystemStmt: {
            VariableSetStmt* const set = reinterpret_cast<AlterSystemStmt*>(statement)->setstmt;
            // Take the value in force in this session as the old value: no catalog stores the
            // settings of the whole server.
            const char* const old_value = set->name == nullptr ? nullptr : ValueInForce(set->name);
            Describe(statement, set, "server", "", old_value, records);
            return true;
        }
        case T_AlterDatabaseSetStmt: {
            const auto* const alter = reinterpret_cast<AlterDatabaseSetStmt*>(statement);
            const char* const name = alter->setstmt->name;
            const Oid database = get_database_oid(alter->dbname, true);
            Describe(statement, alter->setstmt, "database", alter->dbname,
                     name == nullptr ? nullptr : StoredValue(database, InvalidOid, name), records);
            return true;
        }
        case T_AlterRoleSetStmt:
            DescribeOfRole(reinterpret_cast<AlterRoleSetStmt*>(statement), records);
            return true;
        default:
            return false;
    }
}

}  // namespace pganalytics::pg
