#include "ingest/json/value_reader.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/rfc3339.hpp"
#include "core/utf8.hpp"

namespace pganalytics::ingest {
namespace {

using protocol::Column;
using protocol::ColumnRole;
using protocol::ColumnType;

// MismatchOf returns the fault of a value that does not fit its column: 400 if it is not JSON, else
// 422 with `reason`.
Fault MismatchOf(od::value json, const char* reason) {
    od::json_type type;
    if (json.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type != od::json_type::object && type != od::json_type::array) {
        std::string scratch;
        if (Fault fault = Skip(json, 0, &scratch)) return fault;
    }
    return {422, reason};
}

bool IsNull(od::value json) {
    od::json_type type;
    return json.type().get(type) == simdjson::SUCCESS && type == od::json_type::null &&
           ScalarToken(json.raw_json_token()) == "null";
}

// SetNumber stores a number in its column; returns false for a counter below zero.
template <typename Number>
bool SetNumber(Number value, const Column& column, Cell* cell) {
    if (column.role == ColumnRole::kCounter) {
        if (value < 0) return false;
        if (value == 0) return true;  // stays NULL
    }
    cell->is_null = false;
    if constexpr (std::is_same_v<Number, double>) {
        cell->word = std::bit_cast<uint64_t>(value);
    } else {
        cell->word = static_cast<uint64_t>(value);
    }
    return true;
}

// ReadScalar reads a number or boolean that has the type of its column. For any other value it
// returns false, and the caller can still read the value.
bool ReadScalar(od::value json, const Column& column, Cell* cell, bool* in_range) {
    switch (column.type) {
        case ColumnType::kInt8: {
            int64_t value = 0;
            if (json.get_int64().get(value) != simdjson::SUCCESS) return false;
            *in_range = SetNumber(value, column, cell);
            return true;
        }
        case ColumnType::kFloat8: {
            double value = 0;
            if (json.get_double().get(value) != simdjson::SUCCESS || !std::isfinite(value)) {
                return false;
            }
            *in_range = SetNumber(value, column, cell);
            return true;
        }
        case ColumnType::kBool: {
            bool value = false;
            if (json.get_bool().get(value) != simdjson::SUCCESS) return false;
            *in_range = SetNumber(static_cast<int64_t>(value), column, cell);
            return true;
        }
        case ColumnType::kTimestamp:
        case ColumnType::kText:
        case ColumnType::kLsn:
        case ColumnType::kJson:
            return false;
    }
    return false;
}

bool ParseDouble(std::string_view token, double* value) {
    if (!IsJsonNumber(token)) return false;
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), *value);
    return parsed.ec == std::errc{} && std::isfinite(*value);
}

// ParseInteger accepts "5" and "5.0". It refuses "5.5" and integers beyond 64 bits.
bool ParseInteger(std::string_view token, int64_t* value) {
    const char* end = token.data() + token.size();
    if (!IsJsonNumber(token)) return false;
    const auto parsed = std::from_chars(token.data(), end, *value);
    if (parsed.ec == std::errc{} && parsed.ptr == end) return true;
    double number = 0;
    constexpr double kTwoTo63 = 9223372036854775808.0;
    if (parsed.ptr == end || !ParseDouble(token, &number)) return false;
    if (number != std::trunc(number) || number < -kTwoTo63 || number >= kTwoTo63) return false;
    *value = static_cast<int64_t>(number);
    return true;
}

bool ParseNumber(std::string_view token, const Column& column, Cell* cell) {
    if (column.type == ColumnType::kInt8) {
        int64_t value = 0;
        return ParseInteger(token, &value) && SetNumber(value, column, cell);
    }
    double value = 0;
    return ParseDouble(token, &value) && SetNumber(value, column, cell);
}

// ParseLsn reads a WAL position as PostgreSQL writes it: "16/B374D848".
bool ParseLsn(std::string_view text, uint64_t* lsn) {
    auto half = [](std::string_view digits, uint64_t* value) {
        const char* end = digits.data() + digits.size();
        const auto parsed = std::from_chars(digits.data(), end, *value, 16);
        return !digits.empty() && digits.size() <= 8 && digits[0] != '-' &&
               parsed.ec == std::errc{} && parsed.ptr == end;
    };
    const size_t slash = text.find('/');
    uint64_t high = 0;
    uint64_t low = 0;
    if (slash == std::string_view::npos || !half(text.substr(0, slash), &high) ||
        !half(text.substr(slash + 1), &low)) {
        return false;
    }
    *lsn = high << 32 | low;
    return true;
}

}  // namespace

Fault ReadText(od::value json, size_t max_bytes, std::string* scratch, std::string_view* value) {
    od::raw_json_string raw;
    od::json_type type;
    if (json.type().get(type) != simdjson::SUCCESS || type != od::json_type::string ||
        json.get_raw_json_string().get(raw) != simdjson::SUCCESS) {
        return MismatchOf(json, "must be a string");
    }
    if (!Unescape(FindString(raw.raw()), scratch, value)) return FaultOf(JsonStatus::kMalformed);
    // Only an escape (\u0000) can give NUL, because JSON forbids a raw one.
    if (value->data() == scratch->data() &&
        std::memchr(value->data(), 0, value->size()) != nullptr) {
        return {422, "must not contain NUL (\\u0000)"};
    }
    if (value->size() > max_bytes) {
        return {422, "must not be longer than " + std::to_string(max_bytes) + " bytes"};
    }
    return {};
}

Fault ReadInteger(od::value json, int64_t* value) {
    if (json.get_int64().get(*value) == simdjson::SUCCESS) return {};
    return MismatchOf(json, "must be an integer of 64 bits");
}

Fault CheckName(std::string_view name) {
    if (name.find('\0') != std::string_view::npos) return {422, "must not contain NUL (\\u0000)"};
    if (name.size() > kMaxNameBytes) {
        return {422, "must not be longer than " + std::to_string(kMaxNameBytes) + " bytes"};
    }
    return {};
}

bool HoldsNul(std::string_view json) {
    constexpr std::string_view kNul = "u0000";
    for (size_t at = json.find(kNul); at != std::string_view::npos; at = json.find(kNul, at + 1)) {
        size_t first = at;
        while (first > 0 && json[first - 1] == '\\') --first;
        if ((at - first) % 2 == 1) return true;
    }
    return false;
}

Fault ValueReader::ReadStrictly(od::value json, const Column& column, Cell* cell) {
    bool in_range = true;
    if (ReadScalar(json, column, cell, &in_range)) {
        if (in_range) return {};
        return {422, "must not be negative"};
    }
    if (!column.required && IsNull(json)) return {};
    switch (column.type) {
        case ColumnType::kInt8:
            return MismatchOf(json, "must be an integer of 64 bits");
        case ColumnType::kFloat8:
            return MismatchOf(json, "must be a finite number");
        case ColumnType::kBool:
            return MismatchOf(json, "must be true or false");
        case ColumnType::kTimestamp:
        case ColumnType::kText:
        case ColumnType::kLsn:
        case ColumnType::kJson:
            break;
    }
    const bool is_long = column.role == ColumnRole::kText;
    std::string_view text;
    if (Fault fault = ReadText(json, is_long ? kNoLimit : kMaxNameBytes, &scratch_, &text)) {
        return fault;
    }
    cell->is_null = false;
    if (column.type == ColumnType::kTimestamp) {
        const auto time = core::ParseRfc3339(text);
        if (!time) return {422, "must be a time like 2026-11-22T08:54:22Z"};
        cell->word = static_cast<uint64_t>(*time);
        return {};
    }
    if (column.type == ColumnType::kLsn) {
        if (!ParseLsn(text, &cell->word)) return {422, "must be a WAL position like 16/B374D848"};
        return {};
    }
    cell->is_text = true;
    cell->in_scratch = text.data() == scratch_.data();
    cell->text = text;
    return {};
}

// LooseString is ReadLoosely for a string. REQUIRES: `json` is a string.
Fault ValueReader::LooseString(od::value json, const Column& column, Cell* cell, bool* fits) {
    std::string_view text;
    const bool is_text = column.type == ColumnType::kText || column.type == ColumnType::kJson;
    od::raw_json_string raw;
    if (!is_text) {
        if (json.get_raw_json_string().get(raw) != simdjson::SUCCESS ||
            !Unescape(FindString(raw.raw()), &scratch_, &text)) {
            return FaultOf(JsonStatus::kMalformed);
        }
    } else if (Fault fault = ReadText(json, kNoLimit, &scratch_, &text)) {
        return fault;
    }
    switch (column.type) {
        case ColumnType::kInt8:
        case ColumnType::kFloat8:
            *fits = ParseNumber(text, column, cell);
            return {};
        case ColumnType::kBool:
            *fits = false;
            return {};
        case ColumnType::kTimestamp: {
            const auto time = core::ParseTimestamp(text);
            *fits = time.has_value() || text.empty();
            cell->is_null = !time.has_value();
            cell->word = static_cast<uint64_t>(time.value_or(0));
            return {};
        }
        case ColumnType::kLsn: {
            const bool good = ParseLsn(text, &cell->word);
            *fits = good || text.empty();
            cell->is_null = !good;
            return {};
        }
        case ColumnType::kText:
        case ColumnType::kJson:
            break;
    }
    cell->is_null = false;
    cell->is_text = true;
    cell->in_scratch = text.data() == scratch_.data();
    cell->text =
        column.role == protocol::ColumnRole::kIdentity ? core::CutUtf8(text, kMaxLabelBytes) : text;
    *fits = cell->text.size() == text.size();
    return {};
}

Fault ValueReader::ReadLoosely(od::value json, const Column& column, int depth, Cell* cell,
                               bool* fits) {
    *fits = true;
    if (ReadScalar(json, column, cell, fits)) return {};
    od::json_type type;
    if (json.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type == od::json_type::string) return LooseString(json, column, cell, fits);
    if (type == od::json_type::array || type == od::json_type::object) {
        *fits = false;
        return Skip(json, depth, &scratch_);
    }
    const std::string_view token = ScalarToken(json.raw_json_token());
    if (!CheckScalar(token)) return FaultOf(JsonStatus::kMalformed);
    if (type == od::json_type::null) return {};
    const bool is_number = column.type == ColumnType::kInt8 || column.type == ColumnType::kFloat8;
    *fits = is_number && ParseNumber(token, column, cell);
    return {};
}

}  // namespace pganalytics::ingest
