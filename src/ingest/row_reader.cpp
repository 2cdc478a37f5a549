#include "ingest/row_reader.hpp"

#include <cmath>
#include <cstring>

#include "core/text.hpp"

namespace pganalytics::ingest {
namespace {

namespace od = simdjson::ondemand;
using protocol::Column;
using protocol::ColumnRole;
using protocol::ColumnType;
using protocol::Scope;

// MismatchOf says what is wrong with a value that is not what its column wants: no JSON at all,
// or JSON of another type.
Fault MismatchOf(od::value json, std::string_view key, const char* reason) {
    std::string scratch;
    if (json.type().error() == simdjson::SUCCESS) {
        const od::json_type type = json.type().value_unsafe();
        if (type != od::json_type::object && type != od::json_type::array) {
            const JsonStatus status = Validate(json, 0, &scratch);
            if (status != JsonStatus::kOk) return FaultOf(status, key);
        }
        return {422, reason, std::string(key)};
    }
    return FaultOf(JsonStatus::kMalformed, key);
}

bool IsNull(od::value json) {
    od::json_type type;
    return json.type().get(type) == simdjson::SUCCESS && type == od::json_type::null &&
           ScalarToken(json.raw_json_token()) == "null";
}

}  // namespace

Fault FaultOf(JsonStatus status, std::string_view key) {
    switch (status) {
        case JsonStatus::kOk:
            return {};
        case JsonStatus::kTooDeep:
            return {400, "nested deeper than " + std::to_string(kMaxDepth) + " levels",
                    std::string(key)};
        case JsonStatus::kMalformed:
            break;
    }
    return {400, "not well-formed JSON", std::string(key)};
}

Fault ReadText(od::value json, std::string_view key, size_t max_bytes, std::string* scratch,
               std::string_view* value) {
    od::raw_json_string raw;
    od::json_type type;
    if (json.type().get(type) != simdjson::SUCCESS || type != od::json_type::string ||
        json.get_raw_json_string().get(raw) != simdjson::SUCCESS) {
        return MismatchOf(json, key, "must be a string");
    }
    if (!Unescape(FindString(raw.raw()), scratch, value)) {
        return FaultOf(JsonStatus::kMalformed, key);
    }
    if (std::memchr(value->data(), 0, value->size()) != nullptr) {
        return {422, "must not contain NUL (\\u0000)", std::string(key)};
    }
    if (value->size() > max_bytes) {
        return {422, "must not be longer than " + std::to_string(max_bytes) + " bytes",
                std::string(key)};
    }
    return {};
}

Fault ReadInteger(od::value json, std::string_view key, int64_t* value) {
    if (json.get_int64().get(*value) == simdjson::SUCCESS) return {};
    return MismatchOf(json, key, "must be an integer of 64 bits");
}

RowReader::RowReader(const protocol::Metric& metric, uint64_t seed)
    : builder_(metric), texts_(seed) {
    for (size_t i = 0; i < metric.columns.size(); ++i) {
        const Column& column = metric.columns[i];
        if (column.required && column.scope == Scope::kRow) required_ |= uint64_t{1} << i;
        if (column.role == ColumnRole::kText) text_column_ = static_cast<int>(i);
    }
    field_scope_ = std::string(metric.type) + "." + "queries";
}

int RowReader::FindColumn(std::string_view key, Scope scope) const {
    const auto columns = metric().columns;
    for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].scope == scope && columns[i].json_key == key) return static_cast<int>(i);
    }
    return -1;
}

uint64_t RowReader::InternName(std::string_view name) {
    const auto found = names_.find(name);
    if (found != names_.end()) return found->second;
    const uint64_t word = builder_.AddText(name);
    names_.emplace(name, word);
    return word;
}

Fault RowReader::ReadCell(od::value json, const Column& column, uint64_t* word, bool* is_null) {
    *word = 0;
    *is_null = false;
    const std::string_view key = column.json_key;
    switch (column.type) {
        case ColumnType::kInt8: {
            int64_t value = 0;
            if (json.get_int64().get(value) != simdjson::SUCCESS) break;
            if (column.role == ColumnRole::kCounter) {
                if (value < 0) return {422, "must not be negative", std::string(key)};
                *is_null = value == 0;
            }
            *word = static_cast<uint64_t>(value);
            return {};
        }
        case ColumnType::kFloat8: {
            double value = 0;
            if (json.get_double().get(value) != simdjson::SUCCESS || !std::isfinite(value)) break;
            if (column.role == ColumnRole::kCounter) {
                if (value < 0) return {422, "must not be negative", std::string(key)};
                *is_null = value == 0;
            }
            *word = *is_null ? 0 : std::bit_cast<uint64_t>(value);
            return {};
        }
        case ColumnType::kBool: {
            bool value = false;
            if (json.get_bool().get(value) != simdjson::SUCCESS) break;
            *word = value ? 1 : 0;
            return {};
        }
        case ColumnType::kTimestamp:
        case ColumnType::kText:
        case ColumnType::kLsn:
        case ColumnType::kJson:
            break;
    }
    if (!column.required && IsNull(json)) {
        *is_null = true;
        return {};
    }
    switch (column.type) {
        case ColumnType::kInt8:
            return MismatchOf(json, key, "must be an integer of 64 bits");
        case ColumnType::kFloat8:
            return MismatchOf(json, key, "must be a finite number");
        case ColumnType::kBool:
            return MismatchOf(json, key, "must be true or false");
        case ColumnType::kTimestamp: {
            std::string_view text;
            if (Fault fault = ReadText(json, key, kMaxNameBytes, &scratch_, &text)) return fault;
            const auto time = core::ParseTimestamp(text);
            if (!time) {
                return {422, "must be a time like 2026-11-22T08:54:22Z", std::string(key)};
            }
            *word = static_cast<uint64_t>(*time);
            return {};
        }
        case ColumnType::kText:
        case ColumnType::kLsn:
        case ColumnType::kJson:
            break;
    }
    if (column.role == ColumnRole::kText) {
        // Placed on the heap when the row is complete: the text of the same query may be there.
        *is_null = true;
        return ReadText(json, key, kNoLimit, &text_scratch_, &text_);
    }
    std::string_view name;
    if (Fault fault = ReadText(json, key, kMaxNameBytes, &scratch_, &name)) return fault;
    *word = InternName(name);
    return {};
}

// Predict finds the column of a key, first where the row before had it. -1: no column has it.
int RowReader::Predict(const char* raw, size_t position, Fault* fault) {
    if (position < order_.size() && order_[position] >= 0) {
        const auto expected = static_cast<size_t>(order_[position]);
        const std::string_view key = metric().columns[expected].json_key;
        if (std::memcmp(raw, key.data(), key.size()) == 0 && raw[key.size()] == '"') {
            return order_[position];
        }
    }
    std::string_view key;
    if (!Unescape(FindString(raw), &key_, &key)) {
        *fault = FaultOf(JsonStatus::kMalformed, "");
        return -1;
    }
    if (!key.empty() && key.data() != key_.data()) key_.assign(key);
    if (key.empty()) key_.clear();
    const int column = FindColumn(key_, Scope::kRow);
    if (position < 2 * protocol::kMaxColumns) {
        if (position >= order_.size()) order_.resize(position + 1, -1);
        order_[position] = static_cast<int>(column);
    }
    return column;
}

Fault RowReader::ReadField(od::field field, size_t position, int depth, Unstored* unstored) {
    Fault fault;
    const int found = Predict(field.key().raw(), position, &fault);
    if (fault) return fault;
    if (found < 0) {
        unstored->CountField(field_scope_, key_);
        return FaultOf(Validate(field.value(), depth, &scratch_), "");
    }
    const auto index = static_cast<uint32_t>(found);
    const Column& column = metric().columns[index];
    if ((seen_ >> index & 1) != 0) {
        return {422, "is there twice", std::string(column.json_key)};
    }
    seen_ |= uint64_t{1} << index;
    uint64_t word = 0;
    bool is_null = false;
    fault = ReadCell(field.value(), column, &word, &is_null);
    if (!fault && !is_null) builder_.SetWord(index, word);
    return fault;
}

// PlaceText puts the row's text on the heap, unless an earlier row of the same query has it there:
// v3 collectors send each text once per user, database and sample.
void RowReader::PlaceText() {
    if (text_column_ < 0 || (seen_ >> text_column_ & 1) == 0 || text_.data() == nullptr) return;
    const auto column = static_cast<uint32_t>(text_column_);
    const uint32_t last = builder_.rows() - 1;
    const auto queryid = builder_.Last().Word(protocol::kQueryId);
    // The length is part of the key, so that one queryid with many texts makes no long chain.
    const uint64_t hash = texts_.Hash(queryid, text_.size());
    const uint32_t row = texts_.FindOrAdd(hash, last, [&](uint32_t other) {
        return !builder_.At(other).IsNull(column) &&
               builder_.Text(builder_.At(other).Word(column)) == text_;
    });
    const uint64_t word = row == last ? builder_.AddText(text_) : builder_.At(row).Word(column);
    builder_.SetWord(column, word);
}

Fault RowReader::ReadRow(od::value json, int depth, Unstored* unstored) {
    od::json_type type;
    od::object object;
    if (json.type().get(type) != simdjson::SUCCESS || type != od::json_type::object ||
        json.get_object().get(object) != simdjson::SUCCESS) {
        return MismatchOf(json, "", "must be an object");
    }
    builder_.StartRow();
    seen_ = 0;
    text_ = {};
    size_t position = 0;
    for (auto item : object) {
        od::field field;
        if (std::move(item).get(field) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (Fault fault = ReadField(field, position++, depth + 1, unstored)) return fault;
    }
    if (const uint64_t missing = required_ & ~seen_; missing != 0) {
        const auto column = static_cast<size_t>(std::countr_zero(missing));
        return {422, "is missing", std::string(metric().columns[column].json_key)};
    }
    PlaceText();
    return {};
}

}  // namespace pganalytics::ingest
