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
