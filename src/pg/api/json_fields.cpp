// JSON fields: runs PostgreSQL's own parser, with actions that accept only a flat object.
#include "pg/api/json_fields.hpp"

#include "pg/base/compat.h"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

struct Reading {
    JsonLexContext* lexer;
    JsonField* fields;
    int count;
    JsonField* next;      // the field whose value the parser reads next
    JsonField* document;  // the document field that is being read
    const char* began;    // where `document` begins in the text
    const char* why;      // the first fault, as a sentence; nullptr: none
};

// Note keeps the first fault of a field and lets the parser go on. If the text turns out to be no
// JSON at all, the answer must say that instead.
void Note(Reading* reading, const char* why) {
    if (reading->why == nullptr) reading->why = why;
}

const char* NameOf(JsonKind kind) {
    switch (kind) {
        case JsonKind::kText:
            return "a string";
        case JsonKind::kNumber:
            return "a number";
        case JsonKind::kBoolean:
            return "true or false";
        case JsonKind::kDocument:
            break;
    }
    return "an array or an object";
}

bool IsOfKind(JsonTokenType type, JsonKind kind) {
    switch (kind) {
        case JsonKind::kText:
            return type == JSON_TOKEN_STRING;
        case JsonKind::kNumber:
            return type == JSON_TOKEN_NUMBER;
        case JsonKind::kBoolean:
            return type == JSON_TOKEN_TRUE || type == JSON_TOKEN_FALSE;
        case JsonKind::kDocument:
            break;
    }
    return false;
}

void NoteKind(Reading* reading, const JsonField& field) {
    Note(reading, psprintf("\"%s\" is %s", field.name, NameOf(field.kind)));
}

// TakeNested handles the start of an object or array. It notes a fault unless the object or array
// is part of a document field.
void TakeNested(Reading* reading, const char* why_not) {
    if (reading->document != nullptr) return;
    if (reading->next != nullptr) return NoteKind(reading, *reading->next);
    Note(reading, why_not);
}

JsonActionResult OnObject(void* state) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    if (reading->lexer->lex_level > 0) TakeNested(reading, "the body is a flat object");
    return JsonActionDone();
}

JsonActionResult OnArray(void* state) noexcept {
    TakeNested(static_cast<Reading*>(state), "the body is an object");
    return JsonActionDone();
}

JsonActionResult OnField(void* state, char* name, bool) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    if (reading->lexer->lex_level != 1) return JsonActionDone();
    reading->next = nullptr;
    for (int i = 0; i < reading->count; ++i) {
        if (strcmp(reading->fields[i].name, name) == 0) reading->next = &reading->fields[i];
    }
    // Do not repeat an unknown name in the answer: it may be a secret in the wrong place.
    if (reading->next == nullptr) {
        Note(reading, "the body has a field that is not known");
    } else if (reading->next->value != nullptr || reading->next->is_null) {
        Note(reading, psprintf("\"%s\" is there twice", reading->next->name));
    } else if (reading->next->kind == JsonKind::kDocument) {
        reading->document = reading->next;
        reading->began = reading->lexer->token_start;
    }
    return JsonActionDone();
}

void TakeValue(Reading* reading, JsonField* field, char* value, size_t size) {
    if (size == 0 || size > field->max_bytes) {
        Note(reading, psprintf("\"%s\" has 1 to %zu bytes", field->name, field->max_bytes));
    } else if (field->value == nullptr) {
        field->value = value;
    }
}

JsonActionResult OnFieldEnd(void* state, char*, bool) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    if (reading->lexer->lex_level != 1) return JsonActionDone();
    if (JsonField* const field = reading->document; field != nullptr && !field->is_null) {
        const char* const end = reading->lexer->prev_token_terminator;
        const auto size = static_cast<size_t>(end - reading->began);
        TakeValue(reading, field, pnstrdup(reading->began, size), size);
    }
    reading->document = nullptr;
    reading->next = nullptr;
    return JsonActionDone();
}

JsonActionResult OnScalar(void* state, char* token, JsonTokenType type) noexcept {
    auto* const reading = static_cast<Reading*>(state);
    JsonField* const field = reading->next;
    const int level = reading->lexer->lex_level;
    if (level > 1 && reading->document != nullptr) return JsonActionDone();
    if (field == nullptr || level != 1) {
        Note(reading, "the body is a flat object");
    } else if (type == JSON_TOKEN_NULL && field->optional) {
        field->is_null = true;
    } else if (!IsOfKind(type, field->kind)) {
        NoteKind(reading, *field);
    } else {
        TakeValue(reading, field, token, strlen(token));
    }
    return JsonActionDone();
}

}  // namespace

JsonResult ReadJsonFields(std::string_view json, JsonField* fields, int count, const char** why) {
    for (int i = 0; i < count; ++i) {
        fields[i].value = nullptr;
        fields[i].is_null = false;
    }
    const int size = static_cast<int>(json.size());
    *why = "the body is not JSON in UTF-8";
    if (!pg_verify_mbstr(PG_UTF8, json.data(), size, true)) return JsonResult::kNoJson;
    JsonLexContext* const lexer = MakeJsonLexer(const_cast<char*>(json.data()), size);
    Reading reading = {lexer, fields, count, nullptr, nullptr, nullptr, nullptr};
    JsonSemAction actions = {};
    actions.semstate = &reading;
    actions.object_start = OnObject;
    actions.array_start = OnArray;
    actions.object_field_start = OnField;
    actions.object_field_end = OnFieldEnd;
    actions.scalar = OnScalar;
    if (pg_parse_json(lexer, &actions) != JSON_SUCCESS) return JsonResult::kNoJson;
    for (int i = 0; i < count; ++i) {
        if (fields[i].value == nullptr && !fields[i].optional) {
            Note(&reading, psprintf("\"%s\" is needed", fields[i].name));
        }
    }
    if (reading.why == nullptr) return JsonResult::kGood;
    *why = reading.why;
    return JsonResult::kBadField;
}

}  // namespace pganalytics::pg
