// JSON walk: the steps that all readers of JSON objects share, with their faults.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "ingest/json/fault.hpp"
#include "ingest/json/json.hpp"

namespace pganalytics::ingest {

namespace od = simdjson::ondemand;

// ObjectOf and ArrayOf open a value. Faults: 400 malformed, 422 another type.
inline Fault ObjectOf(od::value value, od::object* object) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type != od::json_type::object) return {422, "must be an object"};
    return FaultOf(value.get_object().get(*object) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                        : JsonStatus::kMalformed);
}

inline Fault ArrayOf(od::value value, od::array* array) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed);
    if (type != od::json_type::array) return {422, "must be an array"};
    return FaultOf(value.get_array().get(*array) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                      : JsonStatus::kMalformed);
}

// EachField calls read(key, value) for each field of an object, until one call returns a fault.
// `key` may be a view of *key_scratch.
template <typename Read>
Fault EachField(od::object object, std::string* key_scratch, Read&& read) {
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS ||
            !Unescape(FindString(field.key().raw()), key_scratch, &key)) {
            return FaultOf(JsonStatus::kMalformed);
        }
        if (Fault fault = read(key, field.value())) return fault;
    }
    return {};
}

// Once marks a key of an object as seen: it sets the key's bit in *seen. Fault: 422 if the bit is
// set already.
inline Fault Once(uint32_t* seen, uint32_t bit) {
    if ((*seen & bit) != 0) return {422, "is there twice"};
    *seen |= bit;
    return {};
}

// Skip checks a value that no reader needs. `depth` counts the arrays and objects around it.
inline Fault Skip(od::value value, int depth, std::string* scratch) {
    return FaultOf(Validate(value, depth, scratch));
}

// RawText sets *text to the JSON text of a value, a view of the document without the white space
// around it. Faults: those of `read`. REQUIRES: read() reads the whole value.
template <typename Read>
Fault RawText(od::value value, std::string_view* text, Read&& read) {
    const std::string_view token = value.raw_json_token();
    if (Fault fault = read()) return fault;
    *text = token;
    if (token.front() == '{' || token.front() == '[') {
        // read() has moved the reader to the next token. The value ends before that token.
        const char* next = nullptr;
        if (value.current_location().get(next) != simdjson::SUCCESS) {
            return FaultOf(JsonStatus::kMalformed);
        }
        *text = {token.data(), static_cast<size_t>(next - token.data())};
    }
    *text = ScalarToken(*text);
    return {};
}

}  // namespace pganalytics::ingest
