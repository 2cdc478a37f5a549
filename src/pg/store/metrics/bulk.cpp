// Bulk: collects rows, finds their partitions, chooses the path.
#include "pg/store/metrics/bulk.hpp"

#include <algorithm>
#include <tuple>

#include "pg/base/session.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/rls.h"
#include "utils/syscache.h"
}

namespace pganalytics::pg {
namespace {

Oid SchemaOid() { return get_namespace_oid(kSchema, false); }

Oid RelationOid(const char* name) {
    const Oid relation = get_relname_relid(name, SchemaOid());
    if (!OidIsValid(relation)) {
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
                errmsg("relation \"%s.%s\" does not exist", kSchema, name));
    }
    return relation;
}

Oid FindLeaf(const char* relation, int32_t day) {
    int year = 0;
    int month = 0;
    int day_of_month = 0;
    j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &day_of_month);
    char name[NAMEDATALEN];
    pg_snprintf(name, sizeof(name), "%s_p%04d%02d%02d", relation, year, month, day_of_month);
    const Oid leaf = get_relname_relid(name, SchemaOid());
    // If a table of this name is not our partition, do not write to it.
    if (!OidIsValid(leaf) || !get_rel_relispartition(leaf) ||
        get_partition_parent(leaf, false) != RelationOid(relation)) {
        return InvalidOid;
    }
    return leaf;
}

void MakePartition(const char* relation, int32_t day) {
    Oid types[] = {TEXTOID, DATEOID};
    Datum values[] = {CStringGetTextDatum(relation), DateADTGetDatum(day)};
    if (SPI_execute_with_args("SELECT pganalytics.make_partition($1, $2)", 2, types, values,
                              nullptr, false, 0) != SPI_OK_SELECT) {
        elog(ERROR, "could not call pganalytics.make_partition()");
    }
}

// IsRoutedByPlanner: the relation is a Citus table or a TimescaleDB hypertable. Rows get into such
// a table only through the planner. Each of the two extensions lists its tables in a catalog of its
// own.
bool IsRoutedByPlanner(Oid relation) {
    const Oid citus = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    const Oid timescale = get_namespace_oid("_timescaledb_catalog", true);
    if (!OidIsValid(citus) && !OidIsValid(timescale)) return false;
    const char* const query = OidIsValid(citus) ? "SELECT FROM pg_catalog.pg_dist_partition WHERE "
                                                  "logicalrelid = $1::pg_catalog.regclass"
                                                : "SELECT FROM _timescaledb_catalog.hypertable h "
                                                  "JOIN pg_catalog.pg_class c ON c.relname "
                                                  "= h.table_name JOIN pg_catalog.pg_namespace n "
                                                  "ON n.oid = c.relnamespace AND n.nspname "
                                                  "= h.schema_name WHERE c.oid = $1";
    Oid types[] = {OIDOID};
    Datum values[] = {ObjectIdGetDatum(relation)};
    if (SPI_execute_with_args(query, 1, types, values, nullptr, true, 1) != SPI_OK_SELECT) {
        elog(ERROR, "could not read the catalog of distributed tables");
    }
    return SPI_processed > 0;
}

// SortRows sorts the rows by day, then in the order of the leaf's index. So neighbours in the index
// are inserted one after the other, while their index page is in the processor's cache.
const SortedRow* SortRows(const RowSet& set) {
    const auto columns = static_cast<size_t>(set.table->columns);
    auto* const order =
        static_cast<SortedRow*>(MemoryContextAllocHuge(set.context, sizeof(SortedRow) * set.rows));
    for (uint32_t i = 0; i < set.rows; ++i) {
        const Datum* const row = set.values + i * columns;
        const TimestampTz at = DatumGetTimestampTz(row[set.table->day_column]);
        order[i] = {DayOf(at), DatumGetInt32(row[set.table->series_column]), at, i};
    }
    std::sort(order, order + set.rows, [](const SortedRow& a, const SortedRow& b) {
        return std::tie(a.day, a.series, a.at, a.row) < std::tie(b.day, b.series, b.at, b.row);
    });
    return order;
}

uint32_t CountDays(const SortedRow* order, uint32_t rows) {
    uint32_t days = 0;
    for (uint32_t i = 0; i < rows; ++i) days += i == 0 || order[i].day != order[i - 1].day ? 1 : 0;
    return days;
}

}  // namespace

RowSet* NewRowSet(BulkTable* table, MemoryContext context) {
    auto* const set = static_cast<RowSet*>(MemoryContextAllocZero(context, sizeof(RowSet)));
    set->table = table;
    set->context = context;
    return set;
}

RowCells AddRow(RowSet* set) {
    const size_t columns = static_cast<size_t>(set->table->columns);
    if (set->rows == set->capacity) {
        const uint32_t capacity = set->capacity == 0 ? 1024 : set->capacity * 2;
        const size_t value_bytes = capacity * columns * sizeof(Datum);
        const size_t null_bytes = capacity * columns * sizeof(bool);
        if (set->values == nullptr) {
            set->values = static_cast<Datum*>(MemoryContextAllocHuge(set->context, value_bytes));
            set->nulls = static_cast<bool*>(MemoryContextAllocHuge(set->context, null_bytes));
        } else {
            set->values = static_cast<Datum*>(repalloc_huge(set->values, value_bytes));
            set->nulls = static_cast<bool*>(repalloc_huge(set->nulls, null_bytes));
        }
        set->capacity = capacity;
    }
    const size_t at = set->rows++ * columns;
    return {set->values + at, set->nulls + at};
}

int32_t DayOf(TimestampTz timestamp) {
    const int64 day = timestamp / USECS_PER_DAY;
    return static_cast<int32_t>(timestamp % USECS_PER_DAY < 0 ? day - 1 : day);
}

Oid LeafOf(const char* relation, int32_t day) {
    Oid leaf = FindLeaf(relation, day);
    if (OidIsValid(leaf)) return leaf;
    MakePartition(relation, day);
    leaf = FindLeaf(relation, day);
    if (!OidIsValid(leaf)) {
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
                errmsg("relation \"%s.%s\" has no partition for day %d", kSchema, relation, day));
    }
    return leaf;
}

void CheckInsertAllowed(Relation relation) {
    const Oid oid = RelationGetRelid(relation);
    if (pg_class_aclcheck(oid, GetUserId(), ACL_INSERT) != ACLCHECK_OK) {
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(relation));
    }
    // Refuse a table with row-level security, as COPY FROM does: the rows would bypass its
    // policies.
    if (check_enable_rls(oid, InvalidOid, true) == RLS_ENABLED) {
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                errmsg("row-level security is enabled on \"%s\" for role \"%s\"",
                       RelationGetRelationName(relation), kIngestRole),
                errhint("Disable row-level security on this table, or grant the role BYPASSRLS."));
    }
}

bool IsPlainLeaf(Oid leaf, const BulkTable& table) {
    Relation const relation = table_open(leaf, RowExclusiveLock);
    const TupleDesc desc = RelationGetDescr(relation);
    bool plain = relation->rd_rel->relkind == RELKIND_RELATION && relation->trigdesc == nullptr &&
                 relation->rd_rules == nullptr && desc->natts == table.columns &&
                 (desc->constr == nullptr ||
                  (desc->constr->num_check == 0 && !desc->constr->has_generated_stored));
    for (int i = 0; plain && i < table.columns; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(desc, i);
        plain = !attribute->attisdropped && attribute->atttypid == table.column[i].type &&
                attribute->attnotnull == table.column[i].not_null &&
                strcmp(NameStr(attribute->attname), table.column[i].name) == 0;
    }
    table_close(relation, NoLock);
    return plain;
}

uint64_t BulkInsert(RowSet* set, IngestPath path, Users users) {
    if (set->rows == 0) return 0;
    const BulkTable& table = *set->table;
    // Find the partitions before the insert: every path needs them, and a missing partition is
    // created by a statement of its own.
    const SortedRow* const order = SortRows(*set);
    struct Run {
        uint32_t from, to;
        Oid leaf;
    };
    auto* const run = static_cast<Run*>(palloc(sizeof(Run) * CountDays(order, set->rows)));
    uint32_t runs = 0;
    for (uint32_t i = 0; i < set->rows; ++i) {
        if (i == 0 || order[i].day != order[i - 1].day) {
            run[runs++] = {i, i, LeafOf(table.relation, order[i].day)};
            LockTable(run[runs - 1].leaf, RowExclusiveLock, users);
        }
        run[runs - 1].to = i + 1;
    }

    if (path == IngestPath::kAuto) {
        path = IngestPath::kDirect;
        if (IsRoutedByPlanner(RelationOid(table.relation))) {
            path = IngestPath::kSpi;
        } else {
            for (uint32_t i = 0; i < runs && path == IngestPath::kDirect; ++i) {
                if (!IsPlainLeaf(run[i].leaf, table)) path = IngestPath::kCopy;
            }
        }
    }
    if (path != IngestPath::kDirect) LockTable(table.relation, RowExclusiveLock, users);
    // Triggers and index expressions need a snapshot. This one sees what the transaction has
    // written so far.
    PushActiveSnapshot(GetTransactionSnapshot());
    uint64_t stored = 0;
    if (path == IngestPath::kCopy) {
        stored = InsertByCopy(set);
    } else if (path == IngestPath::kSpi) {
        stored = InsertBySpi(set);
    } else {
        for (uint32_t i = 0; i < runs; ++i) {
            stored += InsertDirect(set, order + run[i].from, run[i].to - run[i].from, run[i].leaf);
        }
    }
    PopActiveSnapshot();
    // If a BEFORE trigger returned NULL for a row, the row is not stored and the receipt would be
    // wrong.
    if (stored != set->rows) {
        ereport(ERROR, errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                errmsg("%llu of %u rows were stored in \"%s\"",
                       static_cast<unsigned long long>(stored), set->rows, table.relation),
                errhint("A trigger on the table suppresses rows; pushes are all or nothing."));
    }
    return stored;
}

}  // namespace pganalytics::pg
