// Audit object statements: records DDL, and statements that read or run something outside of the
// database.
#include "pg/audit/statements/ddl.hpp"
#include "pg/audit/statements/objects.hpp"
#include "pg/audit/statements/statements.hpp"

extern "C" {
#include "commands/defrem.h"
#include "tcop/utility.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

AuditRecord* Add(List** records, Node* statement, const char* kind, const char* name) {
    if (name == nullptr) return nullptr;
    return AddStatementRecord(records, AuditEvent::kObjectChanged, statement, kind, name);
}

// ActionOf returns the name of a subcommand of ALTER TABLE. It knows all that change who may do
// what, and the most common others. For the rest it returns "other".
const char* ActionOf(AlterTableType type) {
    switch (type) {
        case AT_AddColumn:
            return "ADD COLUMN";
        case AT_DropColumn:
            return "DROP COLUMN";
        case AT_AlterColumnType:
            return "ALTER COLUMN TYPE";
        case AT_ColumnDefault:
            return "ALTER COLUMN DEFAULT";
        case AT_AddConstraint:
            return "ADD CONSTRAINT";
        case AT_DropConstraint:
            return "DROP CONSTRAINT";
        case AT_ChangeOwner:
            return "OWNER TO";
        case AT_EnableTrig:
        case AT_EnableTrigAll:
        case AT_EnableTrigUser:
        case AT_EnableAlwaysTrig:
        case AT_EnableReplicaTrig:
            return "ENABLE TRIGGER";
        case AT_DisableTrig:
        case AT_DisableTrigAll:
        case AT_DisableTrigUser:
            return "DISABLE TRIGGER";
        case AT_EnableRule:
        case AT_EnableAlwaysRule:
        case AT_EnableReplicaRule:
            return "ENABLE RULE";
        case AT_DisableRule:
            return "DISABLE RULE";
        case AT_EnableRowSecurity:
            return "ENABLE ROW LEVEL SECURITY";
        case AT_DisableRowSecurity:
            return "DISABLE ROW LEVEL SECURITY";
        case AT_ForceRowSecurity:
            return "FORCE ROW LEVEL SECURITY";
        case AT_NoForceRowSecurity:
            return "NO FORCE ROW LEVEL SECURITY";
        case AT_AttachPartition:
            return "ATTACH PARTITION";
        case AT_DetachPartition:
            return "DETACH PARTITION";
        default:
            return "other";
    }
}

void AddActions(AuditRecord* record, const AlterTableStmt* alter) {
    StringInfoData text;
    initStringInfo(&text);
    ListCell* cell = nullptr;
    foreach (cell, alter->cmds) {
        const auto* const command = static_cast<AlterTableCmd*>(lfirst(cell));
        appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", ActionOf(command->subtype));
        if (command->name != nullptr) {
            appendStringInfo(&text, " %s", quote_identifier(command->name));
        } else if (command->subtype == AT_AddColumn && command->def != nullptr) {
            appendStringInfo(&text, " %s",
                             quote_identifier(castNode(ColumnDef, command->def)->colname));
        }
        if (command->subtype == AT_ChangeOwner) {
            AddAuditDetail(record, "new_owner", NameOfRole(command->newowner));
        }
    }
    AddAuditDetail(record, "actions", text.data);
}

void AddMore(AuditRecord* record, Node* statement) {
    switch (nodeTag(statement)) {
        case T_AlterTableStmt:
            AddActions(record, reinterpret_cast<AlterTableStmt*>(statement));
            return;
        case T_RenameStmt:
            AddAuditDetail(record, "new_name", reinterpret_cast<RenameStmt*>(statement)->newname);
            return;
        case T_AlterObjectSchemaStmt:
            AddAuditDetail(record, "new_schema",
                           reinterpret_cast<AlterObjectSchemaStmt*>(statement)->newschema);
            return;
        case T_AlterOwnerStmt:
            AddAuditDetail(record, "new_owner",
                           NameOfRole(reinterpret_cast<AlterOwnerStmt*>(statement)->newowner));
            return;
        case T_ReassignOwnedStmt:
            AddAuditDetail(record, "new_owner",
                           NameOfRole(reinterpret_cast<ReassignOwnedStmt*>(statement)->newrole));
            return;
        case T_SecLabelStmt: {
            const char* const provider = reinterpret_cast<SecLabelStmt*>(statement)->provider;
            if (provider != nullptr) AddAuditDetail(record, "provider", provider);
            return;
        }
        default:
            return;
    }
}

// DescribeCopy records COPY between a table and a file or a program. COPY between a table and the
// client is not recorded, because it uses nothing of the server outside of the database.
void DescribeCopy(CopyStmt* copy, List** records) {
    if (copy->filename == nullptr) return;
    AuditRecord* const record = AddStatementRecord(
        records, AuditEvent::kObjectChanged, reinterpret_cast<Node*>(copy),
        copy->is_program ? "program" : "file", copy->is_program ? "" : copy->filename);
    AddAuditDetail(record, "direction", copy->is_from ? "FROM" : "TO");
    const char* const table =
        copy->relation == nullptr ? nullptr : NameOfRelation(copy->relation, Purpose::kFind);
    if (table != nullptr) AddAuditDetail(record, "table", table);
}

void DescribeDrop(DropStmt* drop, List** records) {
    ListCell* cell = nullptr;
    foreach (cell, drop->objects) {
        AuditRecord* const record =
            Add(records, reinterpret_cast<Node*>(drop), KindOfObject(drop->removeType),
                NameOfObject(drop->removeType, static_cast<Node*>(lfirst(cell))));
        if (record != nullptr && drop->behavior == DROP_CASCADE) {
            AddAuditDetail(record, "cascade", true);
        }
    }
}

// CreatedByExplain returns the CREATE TABLE AS that EXPLAIN ANALYZE runs, nullptr if there is none.
Node* CreatedByExplain(const ExplainStmt* explain) {
    const auto* const query = reinterpret_cast<const Query*>(explain->query);
    if (!IsA(query, Query) || query->utilityStmt == nullptr ||
        !IsA(query->utilityStmt, CreateTableAsStmt)) {
        return nullptr;
    }
    ListCell* cell = nullptr;
    foreach (cell, explain->options) {
        auto* const option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "analyze") == 0 && defGetBoolean(option)) {
            return query->utilityStmt;
        }
    }
    return nullptr;
}

bool IsUpkeep(const Node* statement) {
    switch (nodeTag(statement)) {
        case T_ClusterStmt:
        case T_RefreshMatViewStmt:
        case T_ExecuteStmt:
        case T_PrepareStmt:
            return true;
        default:
            return false;
    }
}

}  // namespace

bool DescribeObjectStatement(Node* statement, List** records) {
    ListCell* cell = nullptr;
    DdlTarget target = {};
    switch (nodeTag(statement)) {
        case T_CopyStmt:
            DescribeCopy(reinterpret_cast<CopyStmt*>(statement), records);
            return true;
        case T_DropStmt:
            DescribeDrop(reinterpret_cast<DropStmt*>(statement), records);
            return true;
        case T_TruncateStmt:
            foreach (cell, reinterpret_cast<TruncateStmt*>(statement)->relations) {
                Add(records, statement, "table",
                    NameOfRelation(static_cast<RangeVar*>(lfirst(cell)), Purpose::kFind));
            }
            return true;
        case T_ExplainStmt:
            statement = CreatedByExplain(reinterpret_cast<ExplainStmt*>(statement));
            if (statement == nullptr) return false;
            break;
        default:
            break;
    }
    if (TargetOfDdl(statement, &target)) {
        AuditRecord* const record = Add(records, statement, target.kind, target.name);
        if (record != nullptr) AddMore(record, statement);
        return true;
    }
    // DDL statements that only a later version of PostgreSQL has are recorded without an object, by
    // the name of their command.
    if (IsUpkeep(statement) || GetCommandLogLevel(statement) != LOGSTMT_DDL) return false;
    Add(records, statement, "", "");
    return true;
}

}  // namespace pganalytics::pg
