#include "redact/json_masker.hpp"

#include <algorithm>
#include <cstdint>

namespace pganalytics::redact {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// HexOf reads four hexadecimal digits. It returns 0xFFFD if they are none.
uint32_t HexOf(std::string_view digits) {
    uint32_t value = 0;
    for (const char c : digits.substr(0, 4)) {
        const int digit = core::HexDigit(c);
        if (digit < 0) return 0xFFFD;
        value = value << 4 | static_cast<uint32_t>(digit);
    }
    return digits.size() < 4 ? 0xFFFD : value;
}

size_t WriteUtf8(uint32_t code, char* out) {
    if (code < 0x80) {
        out[0] = static_cast<char>(code == 0 ? '?' : code);
        return 1;
    }
    if (code < 0x800) {
        out[0] = static_cast<char>(0xC0 | code >> 6);
        out[1] = static_cast<char>(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = static_cast<char>(0xE0 | code >> 12);
        out[1] = static_cast<char>(0x80 | (code >> 6 & 0x3F));
        out[2] = static_cast<char>(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = static_cast<char>(0xF0 | code >> 18);
    out[1] = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out[2] = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out[3] = static_cast<char>(0x80 | (code & 0x3F));
    return 4;
}

bool IsHigh(uint32_t code) { return code >= 0xD800 && code < 0xDC00; }
bool IsLow(uint32_t code) { return code >= 0xDC00 && code < 0xE000; }

}  // namespace

JsonString FindJsonString(std::string_view json, size_t at) {
    const size_t begin = std::min(json.find('"', at), json.size());
    size_t end = begin + 1;
    while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, json.size());
    size_t after = end;
    while (after < json.size() && IsSpace(json[after])) ++after;
    return {json.substr(begin, end - begin), after < json.size() && json[after] == ':'};
}

bool IsNameLike(std::string_view content) {
    return std::none_of(content.begin(), content.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\'' || c == '"' || c == '$' ||
               c == '=' || c == '@';
    });
}

size_t Unescape(std::string_view quoted, char* out) {
    size_t length = 0;
    for (size_t at = 1; at + 1 < quoted.size(); ++at) {
        if (quoted[at] != '\\') {
            out[length++] = quoted[at];
            continue;
        }
        const char escape = quoted[++at];
        constexpr std::string_view kFrom = "bfnrt";
        constexpr std::string_view kTo = "\b\f\n\r\t";
        if (const size_t known = kFrom.find(escape); known != std::string_view::npos) {
            out[length++] = kTo[known];
        } else if (escape != 'u') {
            out[length++] = escape;
        } else {
            const std::string_view rest = quoted.substr(at + 1);
            uint32_t code = HexOf(rest);
            at += std::min<size_t>(4, rest.size());
            if (IsHigh(code) && rest.size() > 10 && rest[4] == '\\' && rest[5] == 'u' &&
                IsLow(HexOf(rest.substr(6)))) {
                code = 0x10000 + ((code - 0xD800) << 10) + (HexOf(rest.substr(6)) - 0xDC00);
                at += 6;
            } else if (IsHigh(code) || IsLow(code)) {
                code = '?';
            }
            length += WriteUtf8(code, out + length);
        }
    }
    return length;
}

}  // namespace pganalytics::redact
