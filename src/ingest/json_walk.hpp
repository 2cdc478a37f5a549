// JSON walk: the steps that every reader of a JSON object repeats, with their faults.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "ingest/json.hpp"
#include "ingest/row_reader.hpp"

namespace pganalytics::ingest {

namespace od = simdjson::ondemand;

// ObjectOf and ArrayOf open a value. Faults: 400 malformed, 422 another type; at `key`.
inline Fault ObjectOf(od::value value, std::string_view key, od::object* object) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed, key);
    if (type != od::json_type::object) return {422, "must be an object", std::string(key)};
    return FaultOf(value.get_object().get(*object) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                        : JsonStatus::kMalformed,
                   key);
}

inline Fault ArrayOf(od::value value, std::string_view key, od::array* array) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return FaultOf(JsonStatus::kMalformed, key);
    if (type != od::json_type::array) return {422, "must be an array", std::string(key)};
    return FaultOf(value.get_array().get(*array) == simdjson::SUCCESS ? JsonStatus::kOk
                                                                      : JsonStatus::kMalformed,
                   key);
}

// EachField calls read(key, value) for the fields of an object until one is at fault.
template <typename Read>
Fault EachField(od::object object, std::string* key_scratch, Read&& read) {
    for (auto item : object) {
        od::field field;
        std::string_view key;
        if (std::move(item).get(field) != simdjson::SUCCESS ||
            !Unescape(FindString(field.key().raw()), key_scratch, &key)) {
            return FaultOf(JsonStatus::kMalformed, "");
        }
        if (Fault fault = read(key, field.value())) return fault;
    }
    return {};
}

// Once says whether a key comes for the first time in the object that `seen` belongs to.
inline Fault Once(uint32_t* seen, uint32_t bit, std::string_view key) {
    if ((*seen & bit) != 0) return {422, "is there twice", std::string(key)};
    *seen |= bit;
    return {};
}

// Skip checks the grammar of a value that nobody reads, at `depth` objects and arrays within the
// document.
inline Fault Skip(od::value value, int depth, std::string_view key, std::string* scratch) {
    return FaultOf(Validate(value, depth, scratch), key);
}

}  // namespace pganalytics::ingest
