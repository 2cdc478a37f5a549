// Bulk, the SPI path: INSERT ... SELECT FROM unnest, which the planner sees and can route.
#include "pg/base/statement.hpp"
#include "pg/store/metrics/bulk.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
}

namespace pganalytics::pg {
namespace {

const char* InsertStatement(const BulkTable& table) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "INSERT INTO pganalytics.%s (", quote_identifier(table.relation));
    for (int i = 0; i < table.columns; ++i) {
        appendStringInfo(&sql, "%s%s", i == 0 ? "" : ", ", quote_identifier(table.column[i].name));
    }
    appendStringInfoString(&sql, ") SELECT * FROM unnest(");
    for (int i = 0; i < table.columns; ++i)
        appendStringInfo(&sql, "%s$%d", i == 0 ? "" : ", ", i + 1);
    appendStringInfoString(&sql, ")");
    return sql.data;
}

}  // namespace

uint64_t InsertBySpi(RowSet* set) {
    const BulkTable& table = *set->table;
    const auto columns = static_cast<size_t>(table.columns);
    auto* const types = static_cast<Oid*>(palloc(sizeof(Oid) * columns));
    auto* const arrays = static_cast<Datum*>(palloc(sizeof(Datum) * columns));
    auto* const column_values = static_cast<Datum*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * set->rows));
    auto* const column_nulls = static_cast<bool*>(palloc(sizeof(bool) * set->rows));
    for (size_t c = 0; c < columns; ++c) {
        for (size_t r = 0; r < set->rows; ++r) {
            column_values[r] = set->values[r * columns + c];
            column_nulls[r] = set->nulls[r * columns + c];
        }
        const Oid type = table.column[c].type;
        arrays[c] = MakeArray(column_values, column_nulls, static_cast<int>(set->rows), type);
        types[c] = get_array_type(type);
    }
    if (SPI_execute_with_args(InsertStatement(table), table.columns, types, arrays, nullptr, false,
                              0) != SPI_OK_INSERT) {
        elog(ERROR, "could not insert into pganalytics.%s", table.relation);
    }
    return SPI_processed;
}

}  // namespace pganalytics::pg
