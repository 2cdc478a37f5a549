// Query fields: decodes percent-encoding and checks the result strictly.
#include "pg/api/query_fields.hpp"

#include "core/hex.hpp"
#include "core/rfc3339.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pganalytics::pg {
namespace {

constexpr int kMaxShownName = 64;

// Decode undoes percent-encoding. It returns nullptr if the encoding is invalid, or if the result
// is not valid UTF-8 or has a NUL.
const char* Decode(std::string_view encoded) {
    auto* const text = static_cast<char*>(palloc(encoded.size() + 1));
    int size = 0;
    for (size_t i = 0; i < encoded.size(); ++i) {
        char c = encoded[i];
        if (c == '+') c = ' ';
        if (c == '%') {
            if (i + 2 >= encoded.size()) return nullptr;
            const int value = core::HexByte(encoded.data() + i + 1);
            if (value < 0) return nullptr;
            c = static_cast<char>(value);
            i += 2;
        }
        if (c == '\0') return nullptr;
        text[size++] = c;
    }
    text[size] = '\0';
    return pg_verify_mbstr(PG_UTF8, text, size, true) ? text : nullptr;
}

bool TakeField(std::string_view piece, QueryField* fields, bool* seen, int count,
               const char** why) {
    const size_t equals = Min(piece.find('='), piece.size());
    const char* const name = Decode(piece.substr(0, equals));
    const char* const value = Decode(piece.substr(Min(equals + 1, piece.size())));
    if (name == nullptr || value == nullptr) {
        *why = "the query is not encoded as a form, in UTF-8";
        return false;
    }
    for (int i = 0; i < count; ++i) {
        if (strcmp(fields[i].name, name) != 0) continue;
        if (seen[i]) {
            *why = psprintf("the parameter \"%s\" is there twice", name);
            return false;
        }
        seen[i] = true;
        fields[i].value = value[0] == '\0' ? nullptr : value;
        return true;
    }
    const int size = static_cast<int>(strlen(name));
    *why =
        psprintf("there is no parameter \"%.*s\"", pg_mbcliplen(name, size, kMaxShownName), name);
    return false;
}

}  // namespace

bool ReadQueryFields(std::string_view query, QueryField* fields, int count, const char** why) {
    auto* const seen = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<size_t>(count)));
    while (!query.empty()) {
        const size_t end = Min(query.find('&'), query.size());
        const std::string_view piece = query.substr(0, end);
        query.remove_prefix(Min(end + 1, query.size()));
        if (!piece.empty() && !TakeField(piece, fields, seen, count, why)) return false;
    }
    return true;
}

bool ParseCount(const char* text, int64 most, int64* count) {
    *count = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9') return false;
        *count = 10 * *count + (*text - '0');
        if (*count > most) return false;
    }
    return true;
}

bool ParseInstant(const char* text, TimestampTz* instant) {
    const auto parsed = core::ParseInstant(text);
    if (parsed) *instant = *parsed;
    return parsed.has_value();
}

}  // namespace pganalytics::pg
