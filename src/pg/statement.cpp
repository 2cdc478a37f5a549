// Statement: kept plans and their arguments.
#include "pg/statement.hpp"

extern "C" {
#include "utils/array.h"
}

namespace pganalytics::pg {

void Execute(Statement* statement, Datum* values, bool* nulls) {
    if (statement->plan == nullptr) {
        SPIPlanPtr const plan = SPI_prepare(statement->sql, statement->arguments, statement->types);
        if (plan == nullptr || SPI_keepplan(plan) != 0) {
            elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
        }
        statement->plan = plan;
    }
    char flags[kMaxArguments];
    for (int i = 0; i < statement->arguments; ++i) {
        flags[i] = nulls != nullptr && nulls[i] ? 'n' : ' ';
    }
    const int code = SPI_execute_plan(statement->plan, values, flags, false, 0);
    if (code < 0) elog(ERROR, "could not execute a statement: %s", SPI_result_code_string(code));
}

Datum CellOf(uint64 row, int column, bool* is_null) {
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

int32 Int4Of(uint64 row, int column) {
    bool is_null = false;
    return DatumGetInt32(CellOf(row, column, &is_null));
}

int64 Int8Of(uint64 row, int column) {
    bool is_null = false;
    return DatumGetInt64(CellOf(row, column, &is_null));
}

Datum MakeArray(const Datum* values, const bool* nulls, int count, Oid type) {
    int16 length = 0;
    bool by_value = false;
    char align = 0;
    get_typlenbyvalalign(type, &length, &by_value, &align);
    int dims[] = {count};
    int bounds[] = {1};
    return PointerGetDatum(construct_md_array(const_cast<Datum*>(values), const_cast<bool*>(nulls),
                                              1, dims, bounds, type, length, by_value, align));
}

Datum TextDatum(std::string_view text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

}  // namespace pganalytics::pg
