// Audit rows: a row before and after a change, as triggers of the audit log compare them.
#pragma once

#include "pg/audit/record.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// RowChange is what a row trigger was fired for: without `before` an INSERT, without `after` a
// DELETE.
struct RowChange {
    Relation relation;
    HeapTuple before;
    HeapTuple after;
};

// ValueOf gives a column for the details: booleans and integers as JSON, times as ISO 8601 in UTC,
// intervals as PostgreSQL has them, whatever the session's settings are. TextOf gives it as text,
// "" for NULL. TimeOf is of a timestamptz that is not NULL. ERROR as the type's output function
// raises it. In the current context.
AuditValue ValueOf(const RowChange& change, HeapTuple row, const char* column);
const char* TextOf(const RowChange& change, HeapTuple row, const char* column);
TimestampTz TimeOf(const RowChange& change, HeapTuple row, const char* column);
bool IsNull(const RowChange& change, HeapTuple row, const char* column);

// NewestOf is the row after the change, or the one that was deleted.
inline HeapTuple NewestOf(const RowChange& change) {
    return change.after != nullptr ? change.after : change.before;
}

// Differs: a column has another value than before. REQUIRES: an UPDATE.
bool Differs(const RowChange& change, const char* column);

// DiffersBeside: a column that is not among these has.
bool DiffersBeside(const RowChange& change, const char* const* columns, int count);

// AddChanges adds old and new value of each column that differs and is not among these. Of hashes,
// keys and certificates it says only that they differ.
void AddChanges(AuditRecord* record, const RowChange& change, const char* const* without,
                int count);

}  // namespace pganalytics::pg
