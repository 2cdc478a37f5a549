// JSON masker: gives a JSON text back in which strings that may be more than a name are masked. The
// PostgreSQL backend includes this header, so it uses no containers.
#pragma once

#include "core/json_string.hpp"

namespace pganalytics::redact {

// JsonString is a string in a JSON text.
struct JsonString {
    std::string_view quoted;  // as it stands there, with its quotes
    bool is_member_name;
};

// FindJsonString finds the first string at or after `at`. If there is none, `quoted` is empty and
// begins at the end of the text. It takes a string that is cut off up to the end of the text.
JsonString FindJsonString(std::string_view json, size_t at);

// IsNameLike: the content of a string can be no statement, because it has no space, no quote, and
// none of the signs of a connection string.
bool IsNameLike(std::string_view content);

// Unescape writes the content of a string to `out` and returns its length, which is less than that
// of `quoted`. It writes '?' for what is no character.
size_t Unescape(std::string_view quoted, char* out);

// MaskJson calls append(piece) for each piece of the masked text. It asks mask(content, write) to
// mask the content of each string that is neither a member's name nor like a name; mask calls
// write(piece) for each piece of the result. `scratch` has room for json.size() bytes.
template <typename Mask, typename Append>
void MaskJson(std::string_view json, char* scratch, Mask&& mask, Append&& append) {
    size_t at = 0;
    while (at < json.size()) {
        const JsonString string = FindJsonString(json, at);
        const auto begin = static_cast<size_t>(string.quoted.data() - json.data());
        if (begin > at) append(json.substr(at, begin - at));
        at = begin + string.quoted.size();
        const std::string_view content(scratch, Unescape(string.quoted, scratch));
        if (string.is_member_name || IsNameLike(content)) {
            if (!string.quoted.empty()) append(string.quoted);
            continue;
        }
        append(std::string_view("\""));
        mask(content, [&append](std::string_view piece) { core::WriteJsonContent(piece, append); });
        append(std::string_view("\""));
    }
}

}  // namespace pganalytics::redact
