// Hex: hexadecimal digits, written in lower case, read in either case. This header uses no
// containers: the PostgreSQL backend, where longjmp skips destructors, includes it.
#pragma once

#include <cstddef>

namespace pganalytics::core {

inline constexpr char kHexDigits[] = "0123456789abcdef";

// HexDigit is the value of a digit, -1 for any other character.
constexpr int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// HexByte is the value of the two digits at `digits`, -1 if they are not digits.
constexpr int HexByte(const char* digits) {
    const int high = HexDigit(digits[0]);
    const int low = high < 0 ? -1 : HexDigit(digits[1]);
    return low < 0 ? -1 : high << 4 | low;
}

// WriteHex writes two digits for each byte to `out`, without a NUL, and returns the position after
// the last digit.
constexpr char* WriteHex(const unsigned char* bytes, size_t size, char* out) {
    for (size_t i = 0; i < size; ++i) {
        *out++ = kHexDigits[bytes[i] >> 4];
        *out++ = kHexDigits[bytes[i] & 15];
    }
    return out;
}

}  // namespace pganalytics::core
