// JSON string: writes a text as a JSON string. The PostgreSQL backend includes this header. So it
// uses no containers: longjmp in the backend skips their destructors.
#pragma once

#include <string_view>

#include "core/hex.hpp"
#include "core/utf8.hpp"

namespace pganalytics::core {

// WriteJsonContent writes `value` as the content of a JSON string (RFC 8259 section 7), without
// quotes around it. It calls append(std::string_view) for each piece of that content. It writes
// U+FFFD for NUL and for each byte that is not part of well-formed UTF-8, because PostgreSQL can
// store neither.
template <typename Append>
void WriteJsonContent(std::string_view value, Append&& append) {
    size_t at = 0;
    while (at < value.size()) {
        const auto c = static_cast<unsigned char>(value[at]);
        size_t length = 1;
        if (c >= 0x80) length = Utf8Length(value.substr(at));
        if (c >= 0x20 && c != '"' && c != '\\' && length > 0) {
            at += length;
            continue;
        }
        if (at > 0) append(value.substr(0, at));
        value.remove_prefix(at + 1);
        at = 0;
        const char code[] = {'\\', 'u', '0', '0', kHexDigits[c >> 4], kHexDigits[c & 15]};
        if (c >= 0x80 || c == 0) {
            append(std::string_view("\xEF\xBF\xBD"));
        } else if (c == '"') {
            append(std::string_view("\\\""));
        } else if (c == '\\') {
            append(std::string_view("\\\\"));
        } else if (c == '\n') {
            append(std::string_view("\\n"));
        } else if (c == '\r') {
            append(std::string_view("\\r"));
        } else if (c == '\t') {
            append(std::string_view("\\t"));
        } else {
            append(std::string_view(code, sizeof(code)));
        }
    }
    if (at > 0) append(value);
}

// WriteJsonString does the same with the quotes.
template <typename Append>
void WriteJsonString(std::string_view value, Append&& append) {
    append(std::string_view("\""));
    WriteJsonContent(value, append);
    append(std::string_view("\""));
}

}  // namespace pganalytics::core
