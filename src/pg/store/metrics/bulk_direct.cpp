// Bulk, the direct path: table_multi_insert into a plain leaf, then into its indexes.
#include <iterator>

#include "pg/base/compat.h"
#include "pg/store/metrics/bulk.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
}

namespace pganalytics::pg {

// SlotPool holds the slots of one table, as many as its largest batch has needed so far. They live
// as long as the worker, because making 1000 of them in each transaction costs 0.6 ms. They have a
// tuple descriptor of their own, so they pin no entry of the relation cache.
struct SlotPool {
    TupleDesc desc;
    uint32_t count;
    TupleTableSlot* slots[1000];
};

namespace {

constexpr auto kSlots = static_cast<uint32_t>(std::size(SlotPool{}.slots));

// PreparePool returns the table's slots. The pool then has at least `wanted` slots, or kSlots if
// that is less.
SlotPool* PreparePool(BulkTable* table, Relation leaf, uint32_t wanted) {
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    if (table->slots == nullptr) {
        auto* const pool = static_cast<SlotPool*>(palloc0(sizeof(SlotPool)));
        pool->desc = CreateTupleDescCopy(RelationGetDescr(leaf));
        table->slots = pool;
    }
    SlotPool* const pool = table->slots;
    while (pool->count < Min(wanted, kSlots)) {
        pool->slots[pool->count] = MakeSingleTupleTableSlot(pool->desc, &TTSOpsVirtual);
        ++pool->count;
    }
    MemoryContextSwitchTo(caller);
    return pool;
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
    TupleTableSlot** const slots = PreparePool(set->table, leaf, rows)->slots;

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
            // Let the slot point to the cells of the set: a virtual slot never frees its arrays.
            TupleTableSlot* const slot = slots[i];
            const size_t at = order[begin + i].row * columns;
            CheckNotNull(table, set->nulls + at, leaf);
            ExecClearTuple(slot);
            slot->tts_values = set->values + at;
            slot->tts_isnull = set->nulls + at;
            slot->tts_tableOid = leaf_oid;
            ExecStoreVirtualTuple(slot);
        }
        table_multi_insert(leaf, slots, static_cast<int>(count), command, 0, nullptr);
        if (relinfo->ri_NumIndices > 0) {
            for (uint32_t i = 0; i < count; ++i) {
                InsertIndexTuples(relinfo, slots[i], estate);
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
