#include "core/utf8.hpp"

#include <cstring>

namespace pganalytics::core {

size_t Utf8Length(std::string_view text) {
    if (text.empty()) return 0;
    auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
    auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if ((first & 0xF0) == 0xE0 && continues(1) && continues(2)) {
        if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogate
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4 && continues(1) && continues(2) && continues(3)) {
        if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
        if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
        return 4;
    }
    return 0;
}

bool IsValidUtf8(std::string_view text) {
    while (!text.empty()) {
        const size_t length = Utf8Length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

namespace {

// PrintableLength is Utf8Length, or 0 if the character is not printable.
size_t PrintableLength(std::string_view text, Lines lines) {
    const size_t length = Utf8Length(text);
    const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
    if (length == 1) {
        const bool is_line_end = byte(0) == '\n' && lines == Lines::kMany;
        return (byte(0) >= 0x20 && byte(0) != 0x7F) || is_line_end ? 1 : 0;
    }
    if (length == 2) {
        const bool is_control = byte(0) == 0xC2 && byte(1) < 0xA0;     // U+0080 to U+009F
        const bool is_direction = byte(0) == 0xD8 && byte(1) == 0x9C;  // U+061C
        return is_control || is_direction ? 0 : 2;
    }
    if (length == 3 && byte(0) == 0xE2) {
        const unsigned char last = byte(2);
        // U+200E, U+200F; U+2028 to U+202E: ends of lines, and directions; U+2066 to U+2069
        if (byte(1) == 0x80 && (last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE))) {
            return 0;
        }
        if (byte(1) == 0x81 && last >= 0xA6 && last <= 0xA9) return 0;
    }
    return length;
}

}  // namespace

bool IsPrintable(std::string_view text, Lines lines) {
    while (!text.empty()) {
        const size_t length = PrintableLength(text, lines);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

void MakePrintable(char* text, size_t size, Lines lines) {
    std::string_view rest(text, size);
    while (!rest.empty()) {
        const size_t good = PrintableLength(rest, lines);
        const size_t length = good != 0 ? good : Utf8Length(rest) != 0 ? Utf8Length(rest) : 1;
        if (good == 0) std::memset(text + (size - rest.size()), '?', length);
        rest.remove_prefix(length);
    }
}

std::string_view CutUtf8(std::string_view text, size_t most) {
    if (text.size() <= most) return text;
    // Go back to the first byte of a character: every other byte of a character begins with the
    // bits 10.
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    return text.substr(0, most);
}

void CopyUtf8(std::string_view text, char* out, size_t out_size) {
    size_t room = out_size - 1;
    while (!text.empty()) {
        const size_t length = text.front() == '\0' ? 0 : Utf8Length(text);
        const size_t taken = length == 0 ? 1 : length;
        if (taken > room) break;
        if (length == 0) {
            *out = '?';
        } else {
            std::memcpy(out, text.data(), length);
        }
        out += taken;
        room -= taken;
        text.remove_prefix(taken);
    }
    *out = '\0';
}

}  // namespace pganalytics::core
