// JSON fields: PostgreSQL's own parser, with actions that take a flat object of strings.
#include "pg/json_fields.hpp"

#include "pg/compat.h"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

struct Reading {
    JsonLexContext* lexer;
    JsonField* fields;
    int count;
    JsonField* next;  // whose value comes now
    const char* why;  // the first thing that is wrong
};

// Note keeps the first fault. The parser goes on: that the whole is JSON comes first.
void Note(Reading* reading, const char* why) {
    if (reading->why == nullptr) reading->why = why;
}

JsonActionResult OnObject(void* state) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    if (reading->lexer->lex_level > 0) Note(reading, "every value of the body is a string");
    return JsonActionDone();
}

JsonActionResult OnArray(void* state) noexcept {
    Note(static_cast<Reading*>(state), "the body is an object of strings, and has no arrays");
    return JsonActionDone();
}

JsonActionResult OnField(void* state, char* name, bool) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    reading->next = nullptr;
    for (int i = 0; i < reading->count; ++i) {
        if (strcmp(reading->fields[i].name, name) == 0) reading->next = &reading->fields[i];
    }
    // A name that is not known is not repeated: it may be a secret in the wrong place.
    if (reading->next == nullptr) {
        Note(reading, "the body has a field that is not known");
    } else if (reading->next->value != nullptr) {
        Note(reading, psprintf("\"%s\" is there twice", reading->next->name));
    }
    return JsonActionDone();
}

JsonActionResult OnScalar(void* state, char* token, JsonTokenType type) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    JsonField* const field = reading->next;
    reading->next = nullptr;
    if (field == nullptr || reading->lexer->lex_level != 1) {
        Note(reading, "the body is an object of strings");
    } else if (type != JSON_TOKEN_STRING) {
        Note(reading, psprintf("\"%s\" is a string", field->name));
    } else if (token[0] == '\0' || strlen(token) > field->max_bytes) {
        Note(reading, psprintf("\"%s\" has 1 to %zu bytes", field->name, field->max_bytes));
    } else if (field->value == nullptr) {
        field->value = token;
        return JsonActionDone();
    }
    return JsonActionDone();
}

}  // namespace

JsonResult ReadJsonFields(std::string_view json, JsonField* fields, int count, const char** why) {
    for (int i = 0; i < count; ++i) fields[i].value = nullptr;
    const int size = static_cast<int>(json.size());
    *why = "the body is not JSON in UTF-8";
    if (!pg_verify_mbstr(PG_UTF8, json.data(), size, true)) return JsonResult::kNoJson;
    JsonLexContext* const lexer = MakeJsonLexer(const_cast<char*>(json.data()), size);
    Reading reading = {lexer, fields, count, nullptr, nullptr};
    JsonSemAction actions = {};
    actions.semstate = &reading;
    actions.object_start = OnObject;
    actions.array_start = OnArray;
    actions.object_field_start = OnField;
    actions.scalar = OnScalar;
    if (pg_parse_json(lexer, &actions) != JSON_SUCCESS) return JsonResult::kNoJson;
    for (int i = 0; i < count; ++i) {
        if (fields[i].value == nullptr)
            Note(&reading, psprintf("\"%s\" is needed", fields[i].name));
    }
    if (reading.why == nullptr) return JsonResult::kGood;
    *why = reading.why;
    return JsonResult::kBadField;
}

}  // namespace pganalytics::pg
