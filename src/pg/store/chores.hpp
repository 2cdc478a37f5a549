// Chores: what the maintenance worker reads and does with the tables kept by day (sql/retention and
// sql/schema).
//
// Everything here raises ERROR as its statement does.
// REQUIRES: SPI connected (Transact), the role pganalytics_maintenance in force.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

struct RelationNames {
    const char** list;
    uint64 count;
};

// ListPartitionedRelations and ListExpiredPartitions give names, in memory of `context`.
RelationNames ListPartitionedRelations(MemoryContext context);
RelationNames ListExpiredPartitions(MemoryContext context);

// MakePartitionsAhead makes the days ahead of one relation. ERROR 55P03 (lock_not_available) when
// somebody holds locks on it.
void MakePartitionsAhead(const char* relation);

// DropExpiredPartition drops a partition if its retention is still over; false if it has gone.
bool DropExpiredPartition(const char* partition);

}  // namespace pganalytics::pg
