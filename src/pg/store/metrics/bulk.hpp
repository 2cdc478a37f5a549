// Bulk: inserts typed rows into a table that is partitioned by day, by one of three paths. A leaf
// is the partition of one day.
//
//   direct  table_multi_insert into the leaf, then into its indexes. It is the fastest path, but
//           takes only leaves that have nothing but columns and indexes. It checks NOT NULL itself.
//   copy    COPY in binary format into the parent. COPY runs triggers and checks, computes
//           generated columns, and routes rows to their leaves.
//   spi     INSERT ... SELECT FROM unnest, for distributed tables and hypertables: their extensions
//           see only statements that pass through the planner.
#pragma once

#include <cstdint>

#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"
#include "pg/store/metrics/table_locks.hpp"

namespace pganalytics::pg {

struct BulkColumn {
    const char* name;
    Oid type;  // INT4OID, INT8OID, FLOAT8OID, BOOLOID, TIMESTAMPTZOID, PG_LSNOID; TEXTOID, JSONOID
    bool not_null;
};

struct SlotPool;  // see bulk_direct.cpp

// BulkTable describes a target table in schema pganalytics. The table is partitioned by the day of
// `day_column`; in each leaf, `series_column` is the first column of the index. A BulkTable lives
// as long as the worker.
struct BulkTable {
    const char* relation;
    int columns;
    int day_column;     // a timestamptz
    int series_column;  // an int4
    const BulkColumn* column;
    SlotPool* slots;
};

// RowSet collects the rows of one table for one transaction. It lives in `context`.
struct RowSet {
    BulkTable* table;
    MemoryContext context;
    uint32_t rows;
    uint32_t capacity;
    Datum* values;  // rows x columns
    bool* nulls;    // rows x columns
};

// NewRowSet makes an empty set in `context`. AddRow appends a row and returns its cells for the
// caller to fill; the pointers are valid until the next AddRow.
RowSet* NewRowSet(BulkTable* table, MemoryContext context);
struct RowCells {
    Datum* values;
    bool* nulls;
};
RowCells AddRow(RowSet* set);

// DayOf returns the number of the UTC day (since 2000-01-01) that contains a timestamp.
int32_t DayOf(TimestampTz timestamp);

// LeafOf returns the partition of `relation` for a day, and creates the partition if it is missing.
// Raises any ERROR of pganalytics.make_partition(). REQUIRES: SPI connected.
Oid LeafOf(const char* relation, int32_t day);

// BulkInsert inserts every row of the set and returns their number, set->rows. It raises any ERROR
// of triggers, and these:
//   42501  the role lacks INSERT on the target, or row security applies to the role
//   23502  a NULL in a NOT NULL column
//   09000  a trigger suppressed a row
//   55P03  a lock was not granted within lock_timeout
// `users` says what needs the table (table_locks.hpp).
// REQUIRES: a transaction with SPI connected.
uint64_t BulkInsert(RowSet* set, IngestPath path, Users users);

// SortedRow is a row with the key by which rows are sorted before insertion.
struct SortedRow {
    int32_t day;
    int32_t series;
    TimestampTz at;
    uint32_t row;
};

// InsertDirect, InsertByCopy and InsertBySpi are the three paths; BulkInsert chooses one. All
// return the number of rows inserted. InsertDirect inserts `count` rows in the order given. All
// these rows must belong to `leaf`.
uint64_t InsertDirect(RowSet* set, const SortedRow* order, uint32_t count, Oid leaf);
uint64_t InsertByCopy(RowSet* set);
uint64_t InsertBySpi(RowSet* set);

// IsPlainLeaf: the leaf has exactly the columns of `table`, and no trigger, rule, check or
// generated column. table_multi_insert would skip these.
bool IsPlainLeaf(Oid leaf, const BulkTable& table);

// CheckInsertAllowed raises ERROR 42501 unless the current user may INSERT and no row security
// applies.
void CheckInsertAllowed(Relation relation);

}  // namespace pganalytics::pg
