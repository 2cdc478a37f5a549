// Value reader: converts one JSON value to the type of a catalog column, by one of two rules.
// Query statistics are read strictly: a value that does not fit is refused.
// All other metrics are read loosely: a value that does not fit is left out and counted as
// unstored. It is not refused, because existing collectors resend a refused push for ever.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/json/json_walk.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::ingest {

// kMaxNameBytes limits texts that are names (hosts, servers, users, databases).
inline constexpr size_t kMaxNameBytes = 255;
// kMaxLabelBytes limits the labels that name a series; longer labels are cut.
inline constexpr size_t kMaxLabelBytes = 1000;
inline constexpr size_t kNoLimit = SIZE_MAX;

// ReadText reads a string. `value` becomes a view of the document or of *scratch. Faults: 400
// not JSON; 422 another type, NUL, or more than max_bytes.
Fault ReadText(od::value json, size_t max_bytes, std::string* scratch, std::string_view* value);
// ReadInteger accepts exactly the 64-bit integers that are written without fraction or exponent.
Fault ReadInteger(od::value json, int64_t* value);

// CheckName refuses texts that cannot name a database: longer than kMaxNameBytes, or with NUL
// (422).
Fault CheckName(std::string_view name);

// HoldsNul is true if a string in a JSON text contains \u0000, which no PostgreSQL text can
// contain. REQUIRES: `json` is well formed.
bool HoldsNul(std::string_view json);

// Cell is a value in the form of its column: NULL, a word, or a text that is not on a heap yet. If
// in_scratch is true, the text is valid only until the next value is read. Otherwise it is a view
// of the document.
struct Cell {
    uint64_t word = 0;
    bool is_null = true;
    bool is_text = false;
    bool in_scratch = false;
    std::string_view text;
};

class ValueReader {
  public:
    // ReadStrictly sets the cell to NULL for a counter of zero and, if the column may be NULL, for
    // JSON null. Faults: 400; 422 for any value that does not fit.
    Fault ReadStrictly(od::value json, const protocol::Column& column, Cell* cell);

    // ReadLoosely also accepts integers written as 5.0 or "5", numbers written as strings, and ""
    // as an absent time or WAL position. If part of the value is lost, it sets *fits to false, and
    // the cell is NULL or has a label that was cut. `depth` counts the arrays and objects around
    // the value. Faults: 400 not JSON, or nested too deeply; 422 NUL in a text.
    Fault ReadLoosely(od::value json, const protocol::Column& column, int depth, Cell* cell,
                      bool* fits);

  private:
    Fault LooseString(od::value json, const protocol::Column& column, Cell* cell, bool* fits);

    std::string scratch_;
};

}  // namespace pganalytics::ingest
