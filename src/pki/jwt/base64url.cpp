#include "pki/jwt/base64url.hpp"

#include <cstdint>

namespace pganalytics::pki {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int ValueOf(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

}  // namespace

std::optional<std::string> DecodeBase64Url(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = ValueOf(c);
        if (value < 0) return std::nullopt;
        bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
    // Six unused bits mean that the last character has no content. Fewer unused bits must be zero.
    if (count == 6 || (bits & ((1u << count) - 1)) != 0) return std::nullopt;
    return bytes;
}

std::string EncodeBase64Url(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    uint32_t bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
        count += 8;
        while (count >= 6) {
            count -= 6;
            text.push_back(kAlphabet[bits >> count & 0x3F]);
        }
    }
    if (count > 0) text.push_back(kAlphabet[bits << (6 - count) & 0x3F]);
    return text;
}

}  // namespace pganalytics::pki
