// Hex: hexadecimal digits, written in lower case, read in either case. The PostgreSQL backend
// includes this header. So it uses no containers: longjmp in the backend skips their destructors.
#pragma once

#include <cstddef>

namespace pganalytics::core {

inline constexpr char kHexDigits[] = "0123456789abcdef";

// HexDigit returns the value of a digit, or -1 for any other character.
constexpr int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// HexByte returns the value of the two characters at `digits`, or -1 if one of them is no digit.
constexpr int HexByte(const char* digits) {
    const int high = HexDigit(digits[0]);
    const int low = high < 0 ? -1 : HexDigit(digits[1]);
    return low < 0 ? -1 : high << 4 | low;
}

// WriteHex writes two digits for each byte to `out` and returns the position after the last digit.
// It does not write a terminating NUL.
constexpr char* WriteHex(const unsigned char* bytes, size_t size, char* out) {
    for (size_t i = 0; i < size; ++i) {
        *out++ = kHexDigits[bytes[i] >> 4];
        *out++ = kHexDigits[bytes[i] & 15];
    }
    return out;
}

}  // namespace pganalytics::core
