// Bulk: typed rows into a day-partitioned table, by one of three ways under one interface.
//
//   direct  table_multi_insert into the day's leaf, then its indexes. The fastest; for leaves that
//           have nothing but columns and indexes, whose NOT NULL it checks itself.
//   copy    COPY's binary machinery into the parent: triggers, checks, generated columns, routing.
//   spi     INSERT ... SELECT FROM unnest: distributed tables and hypertables, which see only
//           what passes through the planner.
#pragma once

#include <cstdint>

#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

struct BulkColumn {
    const char* name;
    Oid type;  // INT4OID, INT8OID, FLOAT8OID, BOOLOID, TIMESTAMPTZOID, PG_LSNOID; TEXTOID, JSONOID
    bool not_null;
};

struct SlotPool;  // of the direct way

// BulkTable describes a target in schema pganalytics, partitioned by the day of `day_column` and
// indexed by `series_column` first in each leaf. It lives as long as the worker.
struct BulkTable {
    const char* relation;
    int columns;
    int day_column;     // a timestamptz
    int series_column;  // an int4
    const BulkColumn* column;
    SlotPool* slots;
};

// RowSet gathers the rows of one table for one transaction. Lives in `context`.
struct RowSet {
    BulkTable* table;
    MemoryContext context;
    uint32_t rows;
    uint32_t capacity;
    Datum* values;  // rows x columns
    bool* nulls;    // rows x columns
};

// NewRowSet makes an empty set in `context`. AddRow appends a row and gives its cells to fill;
// the pointers hold until the next AddRow.
RowSet* NewRowSet(BulkTable* table, MemoryContext context);
struct RowCells {
    Datum* values;
    bool* nulls;
};
RowCells AddRow(RowSet* set);

// DayOf gives the number of the UTC day (since 2000-01-01) that holds a timestamp.
int32_t DayOf(TimestampTz timestamp);

// LeafOf gives the partition of `relation` for a day, making it if it is missing; ERROR as
// pganalytics.make_partition() raises it. REQUIRES: SPI connected.
Oid LeafOf(const char* relation, int32_t day);

// BulkInsert stores every row of the set and gives their number, which equals set->rows.
// Errors: 42501 without INSERT on the target or with row security in force for the role; 23502 for
// a NULL in a NOT NULL column; 09000 if a trigger suppressed a row; 55P03 if a lock is not had in
// lock_timeout; what triggers raise.
// REQUIRES: a transaction with SPI connected.
uint64_t BulkInsert(RowSet* set, IngestPath path);

// SortedRow is a row's place in the order of insertion.
struct SortedRow {
    int32_t day;
    int32_t series;
    TimestampTz at;
    uint32_t row;
};

// The three ways; BulkInsert chooses. Direct takes `count` rows, all of one leaf, in their order.
uint64_t InsertDirect(RowSet* set, const SortedRow* order, uint32_t count, Oid leaf);
uint64_t InsertByCopy(RowSet* set);
uint64_t InsertBySpi(RowSet* set);

// IsPlainLeaf: a table whose columns are exactly the set's and that has no trigger, check,
// generated column or default to honour, so that table_multi_insert skips nothing.
bool IsPlainLeaf(Oid leaf, const BulkTable& table);

// CheckInsertAllowed raises 42501 unless the current user may INSERT and no row security applies.
void CheckInsertAllowed(Relation relation);

}  // namespace pganalytics::pg
