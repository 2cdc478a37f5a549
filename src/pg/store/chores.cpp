#include "pg/store/chores.hpp"

#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
}

namespace pganalytics::pg {
namespace {

Statement partitioned_relations = {
    "SELECT relation::pg_catalog.text FROM pganalytics.partitioned_relations()", 0, {}, nullptr};
Statement make_partitions = {"SELECT pganalytics.make_partitions(3, $1)", 1, {TEXTOID}, nullptr};
Statement expired_partitions = {
    "SELECT p::pg_catalog.text FROM pganalytics.expired_partitions() AS p", 0, {}, nullptr};
Statement drop_expired_partition = {
    "SELECT pganalytics.drop_expired_partition(pg_catalog.to_regclass($1))", 1, {TEXTOID}, nullptr};

Statement forget_step = {"SELECT pganalytics.forget_step()", 0, {}, nullptr};

RelationNames ReadNames(Statement* statement, MemoryContext context) {
    Execute(statement, nullptr);
    RelationNames names = {};
    names.count = SPI_processed;
    names.list = static_cast<const char**>(
        MemoryContextAllocHuge(context, sizeof(const char*) * SPI_processed));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        names.list[row] = CopyBytes(BytesOf(row, 1), context).data();
    }
    return names;
}

}  // namespace

RelationNames ListPartitionedRelations(MemoryContext context) {
    return ReadNames(&partitioned_relations, context);
}

RelationNames ListExpiredPartitions(MemoryContext context) {
    return ReadNames(&expired_partitions, context);
}

void MakePartitionsAhead(const char* relation) {
    Datum values[] = {CStringGetTextDatum(relation)};
    Execute(&make_partitions, values);
}

bool DropExpiredPartition(const char* partition) {
    Datum values[] = {CStringGetTextDatum(partition)};
    Execute(&drop_expired_partition, values);
    return BoolOf(0, 1);
}

bool ForgetStep() {
    Execute(&forget_step, nullptr);
    return BoolOf(0, 1);
}

}  // namespace pganalytics::pg
