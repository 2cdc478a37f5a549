// Audit statements: makes the records of utility statements from their parse trees, never from
// their text.
#pragma once

#include "pg/audit/record.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// DescribeStatement makes the records of a statement (a List of AuditRecord*) in the current memory
// context; NIL if the statement is not recorded. Call it before the statement runs, because running
// it may change the parse tree and what names mean. REQUIRES: a transaction.
List* DescribeStatement(Node* statement);

// These are the parts of DescribeStatement. Each returns false if it does not handle this kind of
// statement.
bool DescribeRoleStatement(Node* statement, List** records);
bool DescribeGrantStatement(Node* statement, List** records);
bool DescribeSettingStatement(Node* statement, List** records);
bool DescribeObjectStatement(Node* statement, List** records);

// AddStatementRecord begins a record and adds it to the list.
AuditRecord* AddStatementRecord(List** records, protocol::AuditEvent event, Node* statement,
                                const char* type, const char* id);

// CompleteRoleRecords and CompleteSettingRecord add values to the records of a statement that has
// succeeded. Values of a failed statement are not recorded: a refused value may be a secret that
// was typed in the wrong place.
void CompleteRoleRecords(Node* statement, List* records);
void CompleteSettingRecord(Node* statement, AuditRecord* record);

}  // namespace pganalytics::pg
