// Value reader: converts one JSON value to the type of a catalog column, by one of two rules. Query
// statistics are read strictly: a value that does not fit is refused. Everything else is read
// loosely, because existing collectors resend a refused push for ever: a value that does not fit is
// left out, and the reader counts it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/json/json_walk.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::ingest {

// kMaxNameBytes bounds texts that are names (hosts, servers, users, databases).
inline constexpr size_t kMaxNameBytes = 255;
// kMaxLabelBytes bounds the labels that name a series; longer ones are cut.
inline constexpr size_t kMaxLabelBytes = 1000;
inline constexpr size_t kNoLimit = SIZE_MAX;

// ReadText reads a string value. `value` points into the document or into *scratch.
// Faults: 400; 422 for another type, for NUL, for more than max_bytes.
Fault ReadText(od::value json, size_t max_bytes, std::string* scratch, std::string_view* value);
// ReadInteger accepts exactly the 64-bit integers, written without fraction or exponent.
Fault ReadInteger(od::value json, int64_t* value);

// CheckName refuses texts that cannot name a database: longer than kMaxNameBytes, or with NUL.
Fault CheckName(std::string_view name);

// HoldsNul is true if a string of a JSON text contains \u0000, which no PostgreSQL text can hold.
// REQUIRES: well-formed.
bool HoldsNul(std::string_view json);

// Cell is a value in the form of its column: NULL, a word, or a text that is not on a heap yet. The
// text points into the document or, if in_scratch, is valid until the next value is read.
struct Cell {
    uint64_t word = 0;
    bool is_null = true;
    bool is_text = false;
    bool in_scratch = false;
    std::string_view text;
};

class ValueReader {
  public:
    // ReadStrictly returns NULL for JSON null, if the column may be NULL, and for counters of zero.
    // Faults: 400, and 422 for any value that does not fit.
    Fault ReadStrictly(od::value json, const protocol::Column& column, Cell* cell);

    // ReadLoosely accepts integers written as 5.0 or "5", numbers written as strings, and "" as an
    // absent time or WAL position. *fits is false if part of the value is lost: then the cell is
    // NULL, or for a label that is too long, the part that is kept. `depth` counts the enclosing
    // arrays and objects. Faults: 400; 422 for NUL in a text.
    Fault ReadLoosely(od::value json, const protocol::Column& column, int depth, Cell* cell,
                      bool* fits);

  private:
    Fault LooseString(od::value json, const protocol::Column& column, Cell* cell, bool* fits);

    std::string scratch_;
};

}  // namespace pganalytics::ingest
