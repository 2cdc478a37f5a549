// Audit roles: records statements about roles. It never records a password. The text of VALID UNTIL
// could be a password that was typed in the wrong place, so it is recorded only after the statement
// has succeeded.
#include "pg/audit/statements/objects.hpp"
#include "pg/audit/statements/statements.hpp"
#include "pg/base/compat.h"

extern "C" {
#include "commands/defrem.h"
#include "nodes/value.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

const DefElem* Option(List* options, const char* name) {
    ListCell* cell = nullptr;
    foreach (cell, options) {
        const auto* const option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0) return option;
    }
    return nullptr;
}

List* RolesOf(List* options, const char* name) {
    const DefElem* const option = Option(options, name);
    return option == nullptr ? NIL : reinterpret_cast<List*>(option->arg);
}

void AddPassword(AuditRecord* record, List* options) {
    const DefElem* const password = Option(options, "password");
    if (password == nullptr) return;
    AddAuditDetail(record, "password", password->arg == nullptr ? "removed" : "set");
}

// AddAttributes adds the role's attributes that the options set, and returns their number.
int AddAttributes(AuditRecord* record, List* options) {
    constexpr struct {
        const char* option;
        const char* attribute;
    } kAttributes[] = {{"superuser", "SUPERUSER"},   {"inherit", "INHERIT"},
                       {"createrole", "CREATEROLE"}, {"createdb", "CREATEDB"},
                       {"canlogin", "LOGIN"},        {"isreplication", "REPLICATION"},
                       {"bypassrls", "BYPASSRLS"}};
    int count = 0;
    StringInfoData text;
    initStringInfo(&text);
    for (const auto& one : kAttributes) {
        DefElem* const option = const_cast<DefElem*>(Option(options, one.option));
        if (option == nullptr || option->arg == nullptr) continue;
        appendStringInfo(&text, "%s%s%s", count++ > 0 ? ", " : "", boolVal(option->arg) ? "" : "NO",
                         one.attribute);
    }
    const DefElem* const limit = Option(options, "connectionlimit");
    if (limit != nullptr && limit->arg != nullptr) {
        appendStringInfo(&text, "%sCONNECTION LIMIT %d", count++ > 0 ? ", " : "",
                         intVal(limit->arg));
    }
    if (Option(options, "validUntil") != nullptr) {
        appendStringInfo(&text, "%sVALID UNTIL", count++ > 0 ? ", " : "");
    }
    if (count > 0) AddAuditDetail(record, "attributes", text.data);
    return count;
}

// AddMembers begins a record which says that a role gets or loses members.
AuditRecord* AddMembers(Node* statement, List** records, bool is_grant, const char* role,
                        const char* members) {
    AuditRecord* const record =
        AddStatementRecord(records, is_grant ? AuditEvent::kRoleGranted : AuditEvent::kRoleRevoked,
                           statement, "role", role);
    AddAuditDetail(record, "members", members);
    return record;
}

void DescribeCreate(CreateRoleStmt* create, List** records) {
    Node* const statement = reinterpret_cast<Node*>(create);
    AuditRecord* const record =
        AddStatementRecord(records, AuditEvent::kRoleCreated, statement, "role", create->role);
    AddAttributes(record, create->options);
    AddPassword(record, create->options);
    const char* const self = quote_identifier(create->role);
    ListCell* cell = nullptr;
    foreach (cell, RolesOf(create->options, "addroleto")) {
        AddMembers(statement, records, true, NameOfRole(static_cast<RoleSpec*>(lfirst(cell))),
                   self);
    }
    List* const members = RolesOf(create->options, "rolemembers");
    if (members != NIL) {
        AddMembers(statement, records, true, create->role, NamesOfRoles(members));
    }
    List* const admins = RolesOf(create->options, "adminmembers");
    if (admins != NIL) {
        AddAuditDetail(AddMembers(statement, records, true, create->role, NamesOfRoles(admins)),
                       "admin_option", true);
    }
}

void DescribeAlter(AlterRoleStmt* alter, List** records) {
    Node* const statement = reinterpret_cast<Node*>(alter);
    const char* const role = NameOfRole(alter->role);
    List* const members = RolesOf(alter->options, "rolemembers");
    if (members != NIL) {
        AddMembers(statement, records, alter->action > 0, role, NamesOfRoles(members));
        return;
    }
    if (Option(alter->options, "password") != nullptr) {
        AddPassword(
            AddStatementRecord(records, AuditEvent::kPasswordChanged, statement, "role", role),
            alter->options);
        if (list_length(alter->options) == 1) return;
    }
    AddAttributes(AddStatementRecord(records, AuditEvent::kRoleAltered, statement, "role", role),
                  alter->options);
}

void DescribeMembership(GrantRoleStmt* grant, List** records) {
    constexpr struct {
        const char* option;
        const char* detail;
    } kMembershipOptions[] = {
        {"admin", "admin_option"}, {"inherit", "inherit_option"}, {"set", "set_option"}};
    ListCell* cell = nullptr;
    foreach (cell, grant->granted_roles) {
        const auto* const role = static_cast<AccessPriv*>(lfirst(cell));
        AuditRecord* const record =
            AddMembers(reinterpret_cast<Node*>(grant), records, grant->is_grant, role->priv_name,
                       NamesOfRoles(grant->grantee_roles));
        for (const auto& [option, detail] : kMembershipOptions) {
            const MembershipOption said = OptionOf(*grant, option);
            if (said == MembershipOption::kUnsaid) continue;
            AddAuditDetail(record, detail, said == MembershipOption::kTrue);
        }
    }
}

}  // namespace

bool DescribeRoleStatement(Node* statement, List** records) {
    ListCell* cell = nullptr;
    switch (nodeTag(statement)) {
        case T_CreateRoleStmt:
            DescribeCreate(reinterpret_cast<CreateRoleStmt*>(statement), records);
            return true;
        case T_AlterRoleStmt:
            DescribeAlter(reinterpret_cast<AlterRoleStmt*>(statement), records);
            return true;
        case T_DropRoleStmt:
            foreach (cell, reinterpret_cast<DropRoleStmt*>(statement)->roles) {
                AddStatementRecord(records, AuditEvent::kRoleDropped, statement, "role",
                                   NameOfRole(static_cast<RoleSpec*>(lfirst(cell))));
            }
            return true;
        case T_GrantRoleStmt:
            DescribeMembership(reinterpret_cast<GrantRoleStmt*>(statement), records);
            return true;
        case T_RenameStmt: {
            const auto* const rename = reinterpret_cast<RenameStmt*>(statement);
            if (rename->renameType != OBJECT_ROLE) return false;
            AddAuditDetail(AddStatementRecord(records, AuditEvent::kRoleAltered, statement, "role",
                                              rename->subname),
                           "new_name", rename->newname);
            return true;
        }
        default:
            return false;
    }
}

void CompleteRoleRecords(Node* statement, List* records) {
    List* options = NIL;
    AuditRecord* record = nullptr;
    if (IsA(statement, CreateRoleStmt)) {
        options = reinterpret_cast<CreateRoleStmt*>(statement)->options;
        record = static_cast<AuditRecord*>(linitial(records));
    } else if (IsA(statement, AlterRoleStmt)) {
        options = reinterpret_cast<AlterRoleStmt*>(statement)->options;
        // The last record has the attributes. The record of a changed password, if any, comes
        // before it.
        record = static_cast<AuditRecord*>(llast(records));
    }
    const DefElem* const until = Option(options, "validUntil");
    if (until == nullptr || until->arg == nullptr) return;
    // The statement has succeeded, so this text is a time and no secret.
    AddAuditDetail(record, "valid_until", strVal(until->arg));
}

}  // namespace pganalytics::pg
