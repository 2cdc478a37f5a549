// Statement: an SQL statement that a worker plans once and keeps as long as its process lives.
#pragma once

#include <string_view>

#include "core/types.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

inline constexpr int kMaxArguments = 20;

// Statement describes one SQL statement. It must be a static object. Its plan is nullptr until the
// first Execute.
struct Statement {
    const char* sql;
    int arguments;
    Oid types[kMaxArguments];
    SPIPlanPtr plan;
};

// Execute runs the statement; the first call plans it. Results are in SPI_tuptable and
// SPI_processed. Raises any ERROR of the statement. REQUIRES: SPI connected.
void Execute(Statement* statement, Datum* values, bool* nulls = nullptr);

// CellOf and the six functions below it read one cell of SPI_tuptable. Rows count from 0, columns
// from 1. Results for a NULL:
//   CellOf             sets *is_null to true
//   Int4Of, Int8Of     0
//   BoolOf             false
//   BytesOf            an empty view
//   UuidOf, DigestOf   zeroes
// BytesOf reads a text or a bytea. Its view is valid until SPI_finish.
Datum CellOf(uint64 row, int column, bool* is_null);
int32 Int4Of(uint64 row, int column);
int64 Int8Of(uint64 row, int column);
bool BoolOf(uint64 row, int column);
std::string_view BytesOf(uint64 row, int column);
core::Uuid UuidOf(uint64 row, int column);
core::Sha256 DigestOf(uint64 row, int column);

// CopyBytes copies bytes into a context, so that they outlive SPI_finish. A zero byte follows the
// copy.
std::string_view CopyBytes(std::string_view bytes, MemoryContext context);

// MakeArray builds a one-dimensional array of `type`; nulls may be nullptr. TextDatum copies a
// text, which must be valid in the database's encoding. BytesDatum copies any bytes into a bytea.
// DigestDatum copies a SHA-256 into a bytea. All allocate in the current context.
Datum MakeArray(const Datum* values, const bool* nulls, int count, Oid type);
Datum TextDatum(std::string_view text);
Datum BytesDatum(std::string_view bytes);
Datum DigestDatum(const core::Sha256& digest);

// UuidDatum points to the UUID; it copies nothing.
inline Datum UuidDatum(const core::Uuid& uuid) { return PointerGetDatum(uuid.bytes); }

// ArrayOf builds an array with one element for each item, in the current context. give(item,
// &is_null) returns the Datum of an element.
template <typename Item, typename Give>
Datum ArrayOf(const Item* items, int count, Oid type, Give&& give) {
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    auto* const nulls = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) values[i] = give(items[i], &nulls[i]);
    return MakeArray(values, nulls, count, type);
}

}  // namespace pganalytics::pg
