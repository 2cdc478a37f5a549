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

uint32_t DecodeUtf8(std::string_view one) {
    auto byte = [one](size_t i) { return static_cast<unsigned char>(one[i]); };
    uint32_t character = one.size() == 1   ? byte(0)
                         : one.size() == 2 ? byte(0) & 0x1fU
                         : one.size() == 3 ? byte(0) & 0x0fU
                                           : byte(0) & 0x07U;
    for (size_t i = 1; i < one.size(); ++i) character = character << 6 | (byte(i) & 0x3fU);
    return character;
}

namespace {

struct Range {
    uint32_t first;
    uint32_t last;
    Look look = Look::kHidden;
};

// Unicode 15, DerivedGeneralCategory.txt: Cc, Cf, Zl and Zp; StandardizedVariants.txt: variation
// selectors; and the fillers of Hangul and Braille's blank. Cc, Zl, Zp and PropList.txt's
// Bidi_Control mislead.
constexpr Range kNotShown[] = {
    {0x00, 0x1f, Look::kMisleads},
    {0x7f, 0x9f, Look::kMisleads},
    {0xad, 0xad},
    {0x34f, 0x34f},
    {0x600, 0x605},
    {0x61c, 0x61c, Look::kMisleads},
    {0x6dd, 0x6dd},
    {0x70f, 0x70f},
    {0x890, 0x891},
    {0x8e2, 0x8e2},
    {0x115f, 0x1160},
    {0x17b4, 0x17b5},
    {0x180b, 0x180f},
    {0x200b, 0x200d},
    {0x200e, 0x200f, Look::kMisleads},
    {0x2028, 0x202e, Look::kMisleads},
    {0x2060, 0x2065},
    {0x2066, 0x2069, Look::kMisleads},
    {0x206a, 0x206f},
    {0x2800, 0x2800},
    {0x3164, 0x3164},
    {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},
    {0x110bd, 0x110bd},
    {0x110cd, 0x110cd},
    {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

// PrintableLength is Utf8Length, or 0 if the character is not printable.
size_t PrintableLength(std::string_view text, Lines lines) {
    const size_t length = Utf8Length(text);
    if (length == 0 || (text.front() == '\n' && lines == Lines::kMany)) return length;
    return LookOf(DecodeUtf8(text.substr(0, length))) == Look::kMisleads ? 0 : length;
}

}  // namespace

Look LookOf(uint32_t character) {
    for (const Range& range : kNotShown) {
        if (character <= range.last) return character >= range.first ? range.look : Look::kShown;
    }
    return Look::kShown;
}

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
