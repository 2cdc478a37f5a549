// Statement: an SQL statement that is planned once and kept for the life of the worker.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

inline constexpr int kMaxArguments = 20;

// Statement is a static object for one SQL statement. Its plan starts as nullptr.
struct Statement {
    const char* sql;
    int arguments;
    Oid types[kMaxArguments];
    SPIPlanPtr plan;
};

// Execute runs the statement; the first call plans it. Results are in SPI_tuptable and
// SPI_processed. Raises any ERROR of the statement. REQUIRES: SPI connected.
void Execute(Statement* statement, Datum* values, bool* nulls = nullptr);

// These read a cell of row `row` of SPI_tuptable; columns count from 1. For NULL the last four
// return false, an empty view, or zeroes. BytesOf returns a view of a text or a bytea; it is valid
// until SPI_finish.
Datum CellOf(uint64 row, int column, bool* is_null);
int32 Int4Of(uint64 row, int column);
int64 Int8Of(uint64 row, int column);
bool BoolOf(uint64 row, int column);
std::string_view BytesOf(uint64 row, int column);
core::Uuid UuidOf(uint64 row, int column);
core::Sha256 DigestOf(uint64 row, int column);

// CopyBytes copies bytes that must outlive SPI_finish into a context. A zero byte follows the copy.
std::string_view CopyBytes(std::string_view bytes, MemoryContext context);

// MakeArray builds a one-dimensional array of `type`; nulls may be nullptr. TextDatum copies bytes
// into a text; the caller knows that they are valid in the database's encoding. BytesDatum copies
// any bytes into a bytea. All allocate in the current context.
Datum MakeArray(const Datum* values, const bool* nulls, int count, Oid type);
Datum TextDatum(std::string_view text);
Datum BytesDatum(std::string_view bytes);
Datum DigestDatum(const core::Sha256& digest);

// UuidDatum points to the UUID; it copies nothing.
inline Datum UuidDatum(const core::Uuid& uuid) { return PointerGetDatum(uuid.bytes); }

// ArrayOf builds an array with an element for each item: give(item, &is_null) returns its Datum.
template <typename Item, typename Give>
Datum ArrayOf(const Item* items, int count, Oid type, Give&& give) {
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    auto* const nulls = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) values[i] = give(items[i], &nulls[i]);
    return MakeArray(values, nulls, count, type);
}

}  // namespace pganalytics::pg
