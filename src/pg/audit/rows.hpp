// Audit rows: a row before and after a change, as triggers of the audit log compare them.
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

// ValueOf returns a column's value for the details, whatever the session's settings are: booleans
// and integers as JSON, times as ISO 8601 in UTC, intervals in PostgreSQL's style. TextOf returns
// the value as text, "" for NULL. TimeOf reads a timestamptz that is not NULL. Raises any ERROR of
// the type's output function. Allocates in the current context.
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

// DiffersBeside: a column other than `columns` differs.
bool DiffersBeside(const RowChange& change, const char* const* columns, int count);

// AddChanges adds the old and the new value of each column that differs and is not in `without`.
// For hashes, keys and certificates it only says that they have changed.
void AddChanges(AuditRecord* record, const RowChange& change, const char* const* without,
                int count);

}  // namespace pganalytics::pg
