// JSON fields: the strings of a small JSON object that a stranger has sent.
#pragma once

#include <string_view>

#include "pg/prelude.hpp"

namespace pganalytics::pg {

// JsonField is a string that an object must have. `value` is filled, NUL-terminated, in the memory
// context that is current; it may be filled whatever the result, and even after an ERROR.
struct JsonField {
    const char* name;
    size_t max_bytes;
    char* value;
};

enum class JsonResult {
    kGood,
    kNoJson,    // not UTF-8 or not JSON
    kBadField,  // not an object of these fields, each once and a string of 1 to max_bytes bytes
};

// ReadJsonFields reads an object of exactly these fields. With another result than kGood, *why says
// in one sentence what is wrong, without a value, and no value is to be used. What it reads may be
// secret: nothing of it is left but in the current memory context. ERROR 54001 for what is nested
// very deeply.
JsonResult ReadJsonFields(std::string_view json, JsonField* fields, int count, const char** why);

}  // namespace pganalytics::pg
