// RowReader: one JSON object of the rows of a metric to one typed row. It expects the keys in the
// order of the row before, which is right for all rows but the first.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/json.hpp"
#include "ingest/merge.hpp"
#include "ingest/unstored.hpp"
#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// Fault is what is wrong with a value: an HTTP status, a reason, and the key of the value, "" for
// the object itself. An empty one, which every value of a good push gives, is a null pointer.
class Fault {
  public:
    Fault() = default;
    Fault(int status, std::string reason, std::string key)
        : what_(std::make_unique<What>(What{status, std::move(reason), std::move(key)})) {}

    explicit operator bool() const { return what_ != nullptr; }
    // REQUIRES: not empty.
    int status() const { return what_->status; }
    const std::string& reason() const { return what_->reason; }
    const std::string& key() const { return what_->key; }

  private:
    struct What {
        int status;
        std::string reason;
        std::string key;
    };
    std::unique_ptr<What> what_;
};
Fault FaultOf(JsonStatus status, std::string_view key);

// ReadText reads a string value. `value` points into the document or into *scratch.
// Faults: 422 for another type, for NUL, for more than max_bytes.
Fault ReadText(simdjson::ondemand::value json, std::string_view key, size_t max_bytes,
               std::string* scratch, std::string_view* value);
// ReadInteger accepts exactly the integers of 64 bits, written without fraction or exponent.
Fault ReadInteger(simdjson::ondemand::value json, std::string_view key, int64_t* value);

// kMaxNameBytes bounds texts that are names (hosts, servers, users, databases).
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kNoLimit = SIZE_MAX;

class RowReader {
  public:
    RowReader(const protocol::Metric& metric, uint64_t seed);

    protocol::RowBuilder* builder() { return &builder_; }
    const protocol::Metric& metric() const { return builder_.metric(); }

    // ReadRow appends a row. `depth` counts what is around the row's value.
    Fault ReadRow(simdjson::ondemand::value json, int depth, Unstored* unstored);

    // ReadCell reads a value for a column: *is_null set for JSON null and for counters of zero.
    // Texts of more than a name's length are accepted for query texts only.
    Fault ReadCell(simdjson::ondemand::value json, const protocol::Column& column, uint64_t* word,
                   bool* is_null);

    // FindColumn gives the column with this key and scope, -1 if there is none.
    int FindColumn(std::string_view key, protocol::Scope scope) const;

  private:
    Fault ReadField(simdjson::ondemand::field field, size_t position, int depth,
                    Unstored* unstored);
    int Predict(const char* raw, size_t position, Fault* fault);
    uint64_t InternName(std::string_view name);
    void PlaceText();

    protocol::RowBuilder builder_;
    RowIndex texts_;
    std::map<std::string, uint64_t, std::less<>> names_;
    std::vector<int> order_;  // column of each key of the row before
    uint64_t required_ = 0;   // bits of the columns each row must bring
    int text_column_ = -1;
    std::string field_scope_;
    // Of the row being read:
    uint64_t seen_ = 0;
    std::string_view text_;
    std::string key_;
    std::string scratch_;
    std::string text_scratch_;
};

}  // namespace pganalytics::ingest
