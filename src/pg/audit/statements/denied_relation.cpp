// Audit denied relation: repeats the check of a plan's privileges that execMain.c makes, to learn
// which privilege is missing.
#include "pg/audit/statements/denials.hpp"

#include "pg/base/compat.h"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "nodes/bitmapset.h"
#include "utils/acl.h"
}

namespace pganalytics::pg {
namespace {

// Need is the privileges that a plan needs on one relation.
struct Need {
    Oid relation;
    Oid role;
    AclMode privileges;
    const Bitmapset* selected;
    const Bitmapset* inserted;
    const Bitmapset* updated;
};

constexpr AclMode kOfColumns = ACL_SELECT | ACL_INSERT | ACL_UPDATE;

// ColumnsAllow: the role has the privilege on all columns that the plan needs, so it does not need
// the privilege on the relation. If the plan names no column, the privilege on any column is
// enough. If not allowed, *denied is the first column without the privilege, or 0 if the relation
// itself is refused.
bool ColumnsAllow(const Need& need, AclMode privilege, const Bitmapset* columns,
                  AttrNumber* denied) {
    *denied = InvalidAttrNumber;
    if (bms_is_empty(columns)) {
        return pg_attribute_aclcheck_all(need.relation, need.role, privilege, ACLMASK_ANY) ==
               ACLCHECK_OK;
    }
    bool some = false;
    AttrNumber first = InvalidAttrNumber;
    for (int i = -1; (i = bms_next_member(columns, i)) >= 0;) {
        const auto column = static_cast<AttrNumber>(i + FirstLowInvalidHeapAttributeNumber);
        const bool allowed =
            column == InvalidAttrNumber
                ? pg_attribute_aclcheck_all(need.relation, need.role, privilege, ACLMASK_ALL) ==
                      ACLCHECK_OK
                : pg_attribute_aclcheck(need.relation, column, need.role, privilege) == ACLCHECK_OK;
        some = some || allowed;
        if (!allowed && first == InvalidAttrNumber) first = column;
        if (!allowed && column == InvalidAttrNumber) return false;
    }
    if (first == InvalidAttrNumber) return true;
    // If no column is granted at all, the relation itself is refused.
    if (some || pg_attribute_aclcheck_all(need.relation, need.role, privilege, ACLMASK_ANY) ==
                    ACLCHECK_OK) {
        *denied = first;
    }
    return false;
}

const char* NameOf(AclMode privilege) {
    switch (privilege) {
        case ACL_SELECT:
            return "SELECT";
        case ACL_INSERT:
            return "INSERT";
        case ACL_UPDATE:
            return "UPDATE";
        case ACL_DELETE:
            return "DELETE";
        case ACL_TRUNCATE:
            return "TRUNCATE";
        default:
            return "other";
    }
}

const char* KindOf(Oid relation) {
    switch (get_rel_relkind(relation)) {
        case RELKIND_VIEW:
            return "view";
        case RELKIND_MATVIEW:
            return "materialized view";
        case RELKIND_SEQUENCE:
            return "sequence";
        case RELKIND_FOREIGN_TABLE:
            return "foreign table";
        default:
            return "table";
    }
}

void Describe(const Need& need, AclMode privilege, AttrNumber column, AuditRecord* record) {
    const char* const name = get_rel_name(need.relation);
    const char* const schema = get_namespace_name(get_rel_namespace(need.relation));
    SetAuditResource(record, KindOf(need.relation),
                     name == nullptr ? "" : quote_qualified_identifier(schema, name));
    AddAuditDetail(record, "privilege", NameOf(privilege));
    if (column != InvalidAttrNumber) {
        const char* const attribute = get_attname(need.relation, column, true);
        if (attribute != nullptr) AddAuditDetail(record, "column", attribute);
    }
    if (need.role != GetUserId()) {
        // The plan uses a view. The owner of the view lacks the privilege, not the current role.
        const char* const owner = GetUserNameFromId(need.role, true);
        if (owner != nullptr) AddAuditDetail(record, "checked_as", owner);
    }
}

bool IsDenied(const Need& need, AuditRecord* record) {
    const AclMode given = pg_class_aclmask(need.relation, need.role, need.privileges, ACLMASK_ALL);
    const AclMode missing = need.privileges & ~given;
    if (missing == 0) return false;
    const struct {
        AclMode privilege;
        const Bitmapset* columns;
    } kChecks[] = {
        {ACL_SELECT, need.selected}, {ACL_INSERT, need.inserted}, {ACL_UPDATE, need.updated}};
    for (AclMode privilege = 1; privilege <= missing && privilege != 0; privilege <<= 1) {
        if ((missing & privilege & ~kOfColumns) != 0) {
            Describe(need, privilege, InvalidAttrNumber, record);
            return true;
        }
    }
    for (const auto& check : kChecks) {
        AttrNumber column = InvalidAttrNumber;
        if ((missing & check.privilege) != 0 &&
            !ColumnsAllow(need, check.privilege, check.columns, &column)) {
            Describe(need, check.privilege, column, record);
            return true;
        }
    }
    return false;
}

}  // namespace

bool DeniedRelation(const QueryDesc* query, AuditRecord* record) {
    ListCell* cell = nullptr;
    foreach (cell, PrivilegeEntries(*query->plannedstmt)) {
        const auto* const entry = static_cast<const PrivilegeEntry*>(lfirst(cell));
        if (!NeedsPrivileges(*entry)) continue;
        const Need need = {
            entry->relid,         OidIsValid(entry->checkAsUser) ? entry->checkAsUser : GetUserId(),
            entry->requiredPerms, entry->selectedCols,
            entry->insertedCols,  entry->updatedCols};
        if (IsDenied(need, record)) return true;
    }
    return false;
}

}  // namespace pganalytics::pg
