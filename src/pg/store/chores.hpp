// Chores: the statements by which the maintenance worker manages the tables that are partitioned by
// day, and removes the rows of forgotten servers (sql/retention).
//
// Every function raises any ERROR of its statement.
// REQUIRES: SPI connected (Transact), the current role is pganalytics_maintenance.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

struct RelationNames {
    const char** list;
    uint64 count;
};

// ListPartitionedRelations and ListExpiredPartitions return names allocated in `context`.
RelationNames ListPartitionedRelations(MemoryContext context);
RelationNames ListExpiredPartitions(MemoryContext context);

// MakePartitionsAhead creates the partitions of one relation for the days ahead. ERROR 55P03
// (lock_not_available) if another session holds a conflicting lock on the relation.
void MakePartitionsAhead(const char* relation);

// DropExpiredPartition drops a partition. Returns false if the partition no longer exists. ERROR
// 55000 if its retention has not passed, for example because it was lengthened meanwhile.
bool DropExpiredPartition(const char* partition);

// ForgetStep removes some thousand rows of what was forgotten. Returns true if there is more to do
// at once. ERROR 55P03 if pushes that are under way did not end within 200 ms.
bool ForgetStep();

}  // namespace pganalytics::pg
