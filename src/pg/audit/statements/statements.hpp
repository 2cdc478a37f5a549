// Audit statements: the records of utility statements, rebuilt from their parse trees and never
// from their text.
#pragma once

#include "pg/audit/record.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pganalytics::pg {

// DescribeStatement gives the records (a List of AuditRecord*) of a statement that is to be told
// of, NIL of any other. They are in the caller's memory context. It is called before the statement
// runs, which may change its tree and what names mean. REQUIRES: a transaction.
List* DescribeStatement(Node* statement);

// The parts of it: each gives false if the statement is none of its.
bool DescribeRoleStatement(Node* statement, List** records);
bool DescribeGrantStatement(Node* statement, List** records);
bool DescribeSettingStatement(Node* statement, List** records);
bool DescribeObjectStatement(Node* statement, List** records);

// AddStatementRecord begins a record and adds it to the list.
AuditRecord* AddStatementRecord(List** records, protocol::AuditEvent event, Node* statement,
                                const char* type, const char* id);

// Complete... add what may be told only of a statement that has succeeded: a value that was refused
// may be a secret in the wrong place.
void CompleteRoleRecords(Node* statement, List* records);
void CompleteSettingRecord(Node* statement, AuditRecord* record);

}  // namespace pganalytics::pg
