// Audit grants: records GRANT and REVOKE of privileges, and changes of default privileges.
#include "pg/audit/statements/objects.hpp"
#include "pg/audit/statements/statements.hpp"

extern "C" {
#include "commands/defrem.h"
}

namespace pganalytics::pg {
namespace {

using protocol::AuditEvent;

const char* PrivilegesOf(const GrantStmt* grant) {
    if (grant->privileges == NIL) return "ALL";
    StringInfoData text;
    initStringInfo(&text);
    ListCell* cell = nullptr;
    foreach (cell, grant->privileges) {
        const auto* const privilege = static_cast<AccessPriv*>(lfirst(cell));
        if (text.len > 0) appendStringInfoString(&text, ", ");
        const char* name = privilege->priv_name == nullptr ? "ALL" : privilege->priv_name;
        for (; *name != '\0'; ++name) {
            appendStringInfoChar(
                &text, static_cast<char>(pg_ascii_toupper(static_cast<unsigned char>(*name))));
        }
        if (privilege->cols != NIL) appendStringInfo(&text, " (%s)", NamesOf(privilege->cols));
    }
    return text.data;
}

void AddGrant(AuditRecord* record, const GrantStmt* grant) {
    AddAuditDetail(record, "privileges", PrivilegesOf(grant));
    AddAuditDetail(record, "grantees", NamesOfRoles(grant->grantees));
    if (grant->grant_option) AddAuditDetail(record, "grant_option", true);
    if (grant->behavior == DROP_CASCADE && !grant->is_grant)
        AddAuditDetail(record, "cascade", true);
    if (grant->grantor != nullptr) AddAuditDetail(record, "grantor", NameOfRole(grant->grantor));
}

AuditEvent EventOf(const GrantStmt* grant) {
    return grant->is_grant ? AuditEvent::kPrivilegeGranted : AuditEvent::kPrivilegeRevoked;
}

void DescribeGrant(GrantStmt* grant, List** records) {
    const char* kind = KindOfObject(grant->objtype);
    const bool in_schema = grant->targtype == ACL_TARGET_ALL_IN_SCHEMA;
    if (in_schema) kind = psprintf("each %s in schema", kind);
    ListCell* cell = nullptr;
    foreach (cell, grant->objects) {
        const char* const name = NameOfObject(in_schema ? OBJECT_SCHEMA : grant->objtype,
                                              static_cast<Node*>(lfirst(cell)));
        // Skip a temporary relation, which concerns only its own session.
        if (name == nullptr) continue;
        AddGrant(
            AddStatementRecord(records, EventOf(grant), reinterpret_cast<Node*>(grant), kind, name),
            grant);
    }
}

void DescribeDefaults(AlterDefaultPrivilegesStmt* alter, List** records) {
    const GrantStmt* const grant = alter->action;
    const char* schemas = "";
    const char* roles = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, alter->options) {
        const auto* const option = static_cast<DefElem*>(lfirst(cell));
        auto* const list = reinterpret_cast<List*>(option->arg);
        if (strcmp(option->defname, "schemas") == 0) schemas = NamesOf(list);
        if (strcmp(option->defname, "roles") == 0) roles = NamesOfRoles(list);
    }
    AuditRecord* const record = AddStatementRecord(
        records, EventOf(grant), reinterpret_cast<Node*>(alter), "default privileges", schemas);
    AddAuditDetail(record, "objects", KindOfObject(grant->objtype));
    if (roles != nullptr) AddAuditDetail(record, "for_roles", roles);
    AddGrant(record, grant);
}

}  // namespace

bool DescribeGrantStatement(Node* statement, List** records) {
    if (IsA(statement, GrantStmt)) {
        DescribeGrant(reinterpret_cast<GrantStmt*>(statement), records);
        return true;
    }
    if (IsA(statement, AlterDefaultPrivilegesStmt)) {
        DescribeDefaults(reinterpret_cast<AlterDefaultPrivilegesStmt*>(statement), records);
        return true;
    }
    return false;
}

}  // namespace pganalytics::pg
