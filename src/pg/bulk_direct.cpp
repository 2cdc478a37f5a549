// Bulk, the direct way: table_multi_insert into a plain leaf, then its indexes.
#include "pg/bulk.hpp"
#include "pg/compat.h"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
}

namespace pganalytics::pg {
namespace {

constexpr uint32_t kSlots = 1000;

// The slots live as long as the worker: making 1000 of them in each transaction costs 0.6 ms. They
// have a private tuple descriptor, so no relation's cache entry is pinned by them.
struct SlotPool {
    const BulkTable* table;
    TupleDesc desc;
    TupleTableSlot* slots[kSlots];
};
SlotPool pool;

void PreparePool(const BulkTable* table, Relation leaf) {
    if (pool.table == table) return;
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    if (pool.table != nullptr) {
        for (TupleTableSlot*& slot : pool.slots) {
            ExecDropSingleTupleTableSlot(slot);
            slot = nullptr;
        }
        pool.table = nullptr;
        FreeTupleDesc(pool.desc);
    }
    pool.desc = CreateTupleDescCopy(RelationGetDescr(leaf));
    for (TupleTableSlot*& slot : pool.slots) {
        slot = MakeSingleTupleTableSlot(pool.desc, &TTSOpsVirtual);
    }
    pool.table = table;
    MemoryContextSwitchTo(caller);
}

void CheckNotNull(const BulkTable& table, const bool* nulls, Relation leaf) {
    for (int i = 0; i < table.columns; ++i) {
        if (table.column[i].not_null && nulls[i]) {
            ereport(ERROR, errcode(ERRCODE_NOT_NULL_VIOLATION),
                    errmsg("null value in column \"%s\" of relation \"%s\"", table.column[i].name,
                           RelationGetRelationName(leaf)));
        }
    }
}

}  // namespace

uint64_t InsertDirect(RowSet* set, const SortedRow* order, uint32_t rows, Oid leaf_oid) {
    const BulkTable& table = *set->table;
    if (!IsPlainLeaf(leaf_oid, table)) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("partition \"%s\" cannot be inserted into directly", get_rel_name(leaf_oid)),
                errhint("It has triggers, checks or columns of its own; set "
                        "pganalytics.ingest_path to \"auto\" or \"copy\"."));
    }
    Relation const leaf = table_open(leaf_oid, RowExclusiveLock);
    CheckInsertAllowed(leaf);
    PreparePool(set->table, leaf);

    EState* const estate = CreateExecutorState();
    ResultRelInfo* const relinfo = makeNode(ResultRelInfo);
    InitResultRelInfo(relinfo, leaf, 1, nullptr, 0);
    ExecOpenIndices(relinfo, false);

    MemoryContext const batch_context =
        AllocSetContextCreate(CurrentMemoryContext, "pganalytics batch", ALLOCSET_DEFAULT_SIZES);
    MemoryContext const caller = MemoryContextSwitchTo(batch_context);
    const CommandId command = GetCurrentCommandId(true);
    const auto columns = static_cast<size_t>(table.columns);

    for (uint32_t begin = 0; begin < rows; begin += kSlots) {
        const uint32_t count = Min(kSlots, rows - begin);
        for (uint32_t i = 0; i < count; ++i) {
            // The slot reads the set's own cells: a virtual slot never frees its arrays.
            TupleTableSlot* const slot = pool.slots[i];
            const size_t at = order[begin + i].row * columns;
            CheckNotNull(table, set->nulls + at, leaf);
            ExecClearTuple(slot);
            slot->tts_values = set->values + at;
            slot->tts_isnull = set->nulls + at;
            slot->tts_tableOid = leaf_oid;
            ExecStoreVirtualTuple(slot);
        }
        table_multi_insert(leaf, pool.slots, static_cast<int>(count), command, 0, nullptr);
        if (relinfo->ri_NumIndices > 0) {
            for (uint32_t i = 0; i < count; ++i) {
                InsertIndexTuples(relinfo, pool.slots[i], estate);
                ResetPerTupleExprContext(estate);
            }
        }
        MemoryContextReset(batch_context);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(batch_context);
    ExecCloseIndices(relinfo);
    FreeExecutorState(estate);
    table_close(leaf, NoLock);
    return rows;
}

}  // namespace pganalytics::pg
