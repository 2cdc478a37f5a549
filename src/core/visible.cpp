#include "core/visible.hpp"

#include <cstring>

#include "core/utf8.hpp"

namespace pganalytics::core {
namespace {

std::string_view Escape(char kind, size_t digits, uint32_t number, VisibleBuffer* buffer) {
    (*buffer)[0] = '\\';
    (*buffer)[1] = kind;
    for (size_t i = 0; i < digits; ++i) {
        (*buffer)[2 + i] = "0123456789abcdef"[number >> (4 * (digits - 1 - i)) & 0xf];
    }
    return {buffer->data(), 2 + digits};
}

}  // namespace

std::string_view TakeVisible(std::string_view* text, VisibleBuffer* buffer) {
    const size_t length = Utf8Length(*text);
    if (length == 0) {
        const auto byte = static_cast<unsigned char>(text->front());
        text->remove_prefix(1);
        return Escape('x', 2, byte, buffer);
    }
    const std::string_view one = text->substr(0, length);
    text->remove_prefix(length);
    const uint32_t character = DecodeUtf8(one);
    if (LookOf(character) == Look::kShown) return one;
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
