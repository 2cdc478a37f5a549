// API inputs: checks names and encoding first, then reads each value by its type.
#include "pg/api/inputs.hpp"

#include "pg/api/json_fields.hpp"
#include "pg/api/query_fields.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace pganalytics::pg {
namespace {

using protocol::ApiInput;
using protocol::InputType;

constexpr uint32_t kBadQuery = 400;
constexpr uint32_t kBadBody = 422;

JsonKind KindOf(InputType type) {
    switch (type) {
        case InputType::kInteger:
        case InputType::kNumber:
            return JsonKind::kNumber;
        case InputType::kFlag:
            return JsonKind::kBoolean;
        case InputType::kDocument:
            return JsonKind::kDocument;
        case InputType::kText:
        case InputType::kTime:
        case InputType::kChoice:
            break;
    }
    return JsonKind::kText;
}

// MostBytes returns the greatest length of an input's value: 64 bytes unless it is a text or a
// document.
size_t MostBytes(const ApiInput& input) {
    const bool is_text = input.type == InputType::kText || input.type == InputType::kDocument;
    return is_text ? static_cast<size_t>(input.most) : 64;
}

// ListChoices returns the choices "a|b|c" as "a, b or c".
char* ListChoices(const char* choices) {
    StringInfoData out;
    initStringInfo(&out);
    for (std::string_view rest = choices; !rest.empty();) {
        const size_t end = Min(rest.find('|'), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(Min(end + 1, rest.size()));
        if (out.len > 0) appendStringInfoString(&out, rest.empty() ? " or " : ", ");
        appendBinaryStringInfo(&out, one.data(), static_cast<int>(one.size()));
    }
    return out.data;
}

// Expected returns a sentence that says which values an input accepts.
char* Expected(const ApiInput& input) {
    switch (input.type) {
        case InputType::kInteger:
        case InputType::kNumber:
            if (input.most == 0) return psprintf("\"%s\" is a number", input.name);
            return psprintf(
                "\"%s\" is a number%s%s from %lld to %lld", input.name,
                input.unit == nullptr ? "" : " of ", input.unit == nullptr ? "" : input.unit,
                static_cast<long long>(input.least), static_cast<long long>(input.most));
        case InputType::kFlag:
            return psprintf("\"%s\" is true or false", input.name);
        case InputType::kTime:
            return psprintf("\"%s\" is a date or a time as RFC 3339 has it", input.name);
        case InputType::kChoice:
            return psprintf("\"%s\" is %s", input.name, ListChoices(input.choices));
        case InputType::kText:
        case InputType::kDocument:
            break;
    }
    return psprintf("\"%s\" has %lld to %lld bytes", input.name,
                    static_cast<long long>(input.least), static_cast<long long>(input.most));
}

// FindChoice returns the choice that equals `text` except for case, spelt as in the table of
// routes. It returns nullptr if there is none.
const char* FindChoice(const ApiInput& input, const char* text) {
    const size_t size = strlen(text);
    for (std::string_view rest = input.choices; !rest.empty();) {
        const size_t end = Min(rest.find('|'), rest.size());
        if (end == size && pg_strncasecmp(rest.data(), text, size) == 0) {
            return pnstrdup(rest.data(), size);
        }
        rest.remove_prefix(Min(end + 1, rest.size()));
    }
    return nullptr;
}

bool IsFlag(const char* text, bool* flag) {
    *flag = strcmp(text, "true") == 0;
    return *flag || strcmp(text, "false") == 0;
}

bool IsWithin(float8 number, const ApiInput& input) {
    return input.most == 0 || (number >= static_cast<float8>(input.least) &&
                               number <= static_cast<float8>(input.most));
}

// Understand reads value->text by the input's type. It returns false if the text is no valid value.
// It raises ERROR 22003 if a number is out of range.
bool Understand(ApiValue* value) {
    const ApiInput& input = *value->input;
    switch (input.type) {
        case InputType::kInteger:
            return ParseCount(value->text, input.most, &value->integer) &&
                   value->integer >= input.least;
        case InputType::kNumber:
            value->number =
                DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(value->text)));
            return IsWithin(value->number, input);
        case InputType::kFlag:
            return IsFlag(value->text, &value->flag);
        case InputType::kTime:
            return ParseInstant(value->text, &value->time);
        case InputType::kChoice:
            value->text = FindChoice(input, value->text);
            return value->text != nullptr;
        case InputType::kText:
            return input.most == 0 || strlen(value->text) <= static_cast<size_t>(input.most);
        case InputType::kDocument:
            break;
    }
    return true;
}

// Add sets the value of the next input of the route. If the value is invalid, it returns false with
// a sentence in *why.
bool Add(ApiInputs* inputs, const ApiInput& input, const char* text, bool is_null,
         const char** why) {
    ApiValue* const value = &inputs->values[inputs->count++];
    *value = {};
    value->input = &input;
    value->is_null = is_null;
    value->was_sent = text != nullptr;
    value->text = text != nullptr ? text : input.otherwise;
    if (value->text == nullptr || Understand(value)) return true;
    *why = Expected(input);
    return false;
}

Datum DatumOf(const ApiValue& value) {
    switch (value.input->type) {
        case InputType::kInteger:
            return Int64GetDatum(value.integer);
        case InputType::kNumber:
            return Float8GetDatum(value.number);
        case InputType::kFlag:
            return BoolGetDatum(value.flag);
        case InputType::kTime:
            return TimestampTzGetDatum(value.time);
        case InputType::kText:
        case InputType::kChoice:
        case InputType::kDocument:
            break;
    }
    return CStringGetTextDatum(value.text);
}

}  // namespace

const ApiValue& ApiInputs::At(const char* name) const {
    for (int i = 0; i < count; ++i) {
        if (strcmp(values[i].input->name, name) == 0) return values[i];
    }
    elog(ERROR, "the route has no input \"%s\"", name);
}

uint32_t ReadParameters(std::string_view query, const protocol::ApiRoute& route, ApiInputs* inputs,
                        const char** why) {
    QueryField fields[protocol::kMaxApiInputs] = {};
    const int count = static_cast<int>(route.parameters.size());
    for (int i = 0; i < count; ++i) fields[i].name = route.parameters[i].name;
    if (!ReadQueryFields(query, fields, count, why)) return kBadQuery;
    for (int i = 0; i < count; ++i) {
        if (!Add(inputs, route.parameters[i], fields[i].value, false, why)) return kBadQuery;
    }
    return 0;
}

uint32_t ReadBody(std::string_view body, const protocol::ApiRoute& route, ApiInputs* inputs,
                  const char** why) {
    JsonField fields[protocol::kMaxApiInputs] = {};
    const int count = static_cast<int>(route.body.size());
    for (int i = 0; i < count; ++i) {
        const ApiInput& input = route.body[i];
        fields[i] = {input.name, MostBytes(input), nullptr, KindOf(input.type), !input.required};
    }
    const bool has_none = body.empty() && protocol::AllowsNoBody(route.body);
    const JsonResult result =
        has_none ? JsonResult::kGood : ReadJsonFields(body, fields, count, why);
    if (result != JsonResult::kGood) return result == JsonResult::kNoJson ? kBadQuery : kBadBody;
    for (int i = 0; i < count; ++i) {
        if (!Add(inputs, route.body[i], fields[i].value, fields[i].is_null, why)) return kBadBody;
    }
    return 0;
}

void TakeArguments(const ApiInputs& inputs, std::initializer_list<const char*> names, Datum* values,
                   bool* nulls) {
    for (const char* name : names) {
        const ApiValue& value = inputs.At(name);
        *nulls++ = value.text == nullptr;
        *values++ = value.text == nullptr ? Datum{0} : DatumOf(value);
    }
}

void AppendParameter(StringInfo out, const ApiValue& value) {
    constexpr std::string_view kAsTheyAre =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    appendStringInfo(out, "%s=", value.input->name);
    for (const char c : std::string_view(value.text)) {
        if (kAsTheyAre.find(c) != std::string_view::npos) {
            appendStringInfoChar(out, c);
        } else {
            appendStringInfo(out, "%%%02X", static_cast<unsigned char>(c));
        }
    }
}

}  // namespace pganalytics::pg
