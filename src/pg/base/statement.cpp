// Statement: runs saved plans, reads cells, and makes arguments.
#include "pg/base/statement.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/uuid.h"
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

bool BoolOf(uint64 row, int column) {
    bool is_null = false;
    return DatumGetBool(CellOf(row, column, &is_null)) && !is_null;
}

std::string_view BytesOf(uint64 row, int column) {
    bool is_null = false;
    const Datum cell = CellOf(row, column, &is_null);
    if (is_null) return {};
    const varlena* const bytes = PG_DETOAST_DATUM_PACKED(cell);
    return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

core::Uuid UuidOf(uint64 row, int column) {
    bool is_null = false;
    const Datum cell = CellOf(row, column, &is_null);
    core::Uuid uuid;
    if (!is_null) memcpy(uuid.bytes, DatumGetUUIDP(cell)->data, sizeof(uuid.bytes));
    return uuid;
}

core::Sha256 DigestOf(uint64 row, int column) {
    const std::string_view bytes = BytesOf(row, column);
    core::Sha256 digest;
    // The CHECK constraints of the tables allow no other length.
    if (bytes.size() == sizeof(digest.bytes)) memcpy(digest.bytes, bytes.data(), bytes.size());
    return digest;
}

std::string_view CopyBytes(std::string_view bytes, MemoryContext context) {
    auto* const copy = static_cast<char*>(MemoryContextAlloc(context, bytes.size() + 1));
    if (!bytes.empty()) memcpy(copy, bytes.data(), bytes.size());
    copy[bytes.size()] = '\0';
    return {copy, bytes.size()};
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

Datum BytesDatum(std::string_view bytes) {
    auto* const value = static_cast<bytea*>(palloc(VARHDRSZ + bytes.size()));
    SET_VARSIZE(value, VARHDRSZ + bytes.size());
    if (!bytes.empty()) memcpy(VARDATA(value), bytes.data(), bytes.size());
    return PointerGetDatum(value);
}

Datum DigestDatum(const core::Sha256& digest) {
    return BytesDatum({reinterpret_cast<const char*>(digest.bytes), sizeof(digest.bytes)});
}

}  // namespace pganalytics::pg
