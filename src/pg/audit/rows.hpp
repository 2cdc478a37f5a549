// Audit rows: a row before and after a change, as the triggers of the audit log compare it.
#pragma once

#include "pg/audit/record.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// RowChange is the change that fired a row trigger. `before` is nullptr for an INSERT, `after` for
// a DELETE.
struct RowChange {
    Relation relation;
    HeapTuple before;
    HeapTuple after;
};

// ValueOf returns a column's value for the details of a record. The form depends on no setting:
// booleans and integers are JSON, times are ISO 8601 in UTC, intervals have the style "postgres".
// It raises any ERROR of the type's output function and allocates in the current context.
AuditValue ValueOf(const RowChange& change, HeapTuple row, const char* column);
// TextOf returns the value of ValueOf as text, "" for NULL. It raises and allocates like ValueOf.
const char* TextOf(const RowChange& change, HeapTuple row, const char* column);
// TimeOf returns the value of a timestamptz column. REQUIRES: it is not NULL.
TimestampTz TimeOf(const RowChange& change, HeapTuple row, const char* column);
bool IsNull(const RowChange& change, HeapTuple row, const char* column);

// NewestOf returns the row after the change; for a DELETE, the deleted row.
inline HeapTuple NewestOf(const RowChange& change) {
    return change.after != nullptr ? change.after : change.before;
}

// Differs: the change has given this column another value. REQUIRES: an UPDATE.
bool Differs(const RowChange& change, const char* column);

// DiffersBeside: a column that is not in `columns` differs. REQUIRES: an UPDATE.
bool DiffersBeside(const RowChange& change, const char* const* columns, int count);

// AddChanges adds the old and the new value of each column that differs and is not in `without`.
// For a hash, a key or a certificate it adds only that the column has changed. REQUIRES: an UPDATE.
void AddChanges(AuditRecord* record, const RowChange& change, const char* const* without,
                int count);

}  // namespace pganalytics::pg
