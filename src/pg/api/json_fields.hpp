// JSON fields: reads the members of a small JSON object that a stranger has sent.
#pragma once

#include <string_view>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// JsonKind is the type of a member. kDocument: an array or an object with any content.
enum class JsonKind { kText, kNumber, kBoolean, kDocument };

// JsonField is a member that an object must have, or may have if it is optional. `value` is
// NUL-terminated and in the current memory context. A string is there without its quotes, any other
// value as it was sent. `value` may be set even if the object is refused or an ERROR is raised.
struct JsonField {
    const char* name;
    size_t max_bytes;
    char* value;
    JsonKind kind = JsonKind::kText;
    bool optional = false;  // may be absent or null
    bool is_null = false;   // present as null
};

enum class JsonResult {
    kGood,
    kNoJson,    // not UTF-8 or not JSON
    kBadField,  // no object, or a field is unknown, missing, repeated, or of a wrong kind or size
};

// ReadJsonFields reads an object that has these fields and no others. If it does not return kGood,
// *why is one sentence about the fault, without any value; do not use the values then. It raises
// ERROR 54001 if the object is nested too deeply. It copies the object only into the current memory
// context, so that the caller can overwrite secrets in it.
JsonResult ReadJsonFields(std::string_view json, JsonField* fields, int count, const char** why);

}  // namespace pganalytics::pg
