// JSON fields: the members of a small JSON object that a stranger has sent.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// JsonKind is what a member is. kDocument: an array or an object, of whatever.
enum class JsonKind { kText, kNumber, kBoolean, kDocument };

// JsonField is a member that an object must have, or may if it is optional. `value` is filled,
// NUL-terminated, in the memory context that is current; it may be filled whatever the result, and
// even after an ERROR. It is a text without its quotes, and anything else as it was written.
struct JsonField {
    const char* name;
    size_t max_bytes;
    char* value;
    JsonKind kind = JsonKind::kText;
    bool optional = false;  // it may be left out, or be null
    bool is_null = false;   // it is there, and null
};

enum class JsonResult {
    kGood,
    kNoJson,    // not UTF-8 or not JSON
    kBadField,  // not an object of these fields, each once, of its kind and of 1 to max_bytes bytes
};

// ReadJsonFields reads an object of these fields and no others. With another result than kGood,
// *why says in one sentence what is wrong, without a value, and no value is to be used. What it
// reads may be secret: nothing of it is left but in the current memory context. ERROR 54001 for
// what is nested very deeply.
JsonResult ReadJsonFields(std::string_view json, JsonField* fields, int count, const char** why);

}  // namespace pganalytics::pg
