#include "core/visible.hpp"

#include <cstring>

#include "core/utf8.hpp"

namespace pganalytics::core {
namespace {

struct Range {
    uint32_t first;
    uint32_t last;
};

// Unicode 15, DerivedGeneralCategory.txt: Cc, Cf, Zl and Zp; StandardizedVariants.txt: variation
// selectors; and the fillers of Hangul and Braille's blank.
constexpr Range kInvisible[] = {
    {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
    {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},
    {0x890, 0x891},     {0x8e2, 0x8e2},     {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x2800, 0x2800},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

// Decode returns the character in the bytes of `one`, which are well-formed UTF-8.
uint32_t Decode(std::string_view one) {
    auto byte = [one](size_t i) { return static_cast<unsigned char>(one[i]); };
    uint32_t character = one.size() == 1   ? byte(0)
                         : one.size() == 2 ? byte(0) & 0x1fU
                         : one.size() == 3 ? byte(0) & 0x0fU
                                           : byte(0) & 0x07U;
    for (size_t i = 1; i < one.size(); ++i) character = character << 6 | (byte(i) & 0x3fU);
    return character;
}

std::string_view Escape(char kind, size_t digits, uint32_t number, VisibleBuffer* buffer) {
    (*buffer)[0] = '\\';
    (*buffer)[1] = kind;
    for (size_t i = 0; i < digits; ++i) {
        (*buffer)[2 + i] = "0123456789abcdef"[number >> (4 * (digits - 1 - i)) & 0xf];
    }
    return {buffer->data(), 2 + digits};
}

}  // namespace

bool IsInvisible(uint32_t character) {
    for (const Range& range : kInvisible) {
        if (character <= range.last) return character >= range.first;
    }
    return false;
}

std::string_view TakeVisible(std::string_view* text, VisibleBuffer* buffer) {
    const size_t length = Utf8Length(*text);
    if (length == 0) {
        const auto byte = static_cast<unsigned char>(text->front());
        text->remove_prefix(1);
        return Escape('x', 2, byte, buffer);
    }
    const std::string_view one = text->substr(0, length);
    text->remove_prefix(length);
    const uint32_t character = Decode(one);
    if (!IsInvisible(character)) return one;
    return character > 0xffff ? Escape('U', 8, character, buffer)
                              : Escape('u', 4, character, buffer);
}

void CopyVisible(std::string_view text, char* out, size_t out_size) {
    size_t room = out_size - 1;
    VisibleBuffer buffer;
    while (!text.empty()) {
        const std::string_view shown = TakeVisible(&text, &buffer);
        if (shown.size() > room) break;
        std::memcpy(out, shown.data(), shown.size());
        out += shown.size();
        room -= shown.size();
    }
    *out = '\0';
}

}  // namespace pganalytics::core
