#include "core/text.hpp"

#include <array>
#include <cstdio>

namespace pganalytics::core {
namespace {

int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Digits reads exactly `count` decimal digits from `text` at `at`; -1 if there are none such.
int Digits(std::string_view text, size_t at, size_t count) {
    if (at + count > text.size()) return -1;
    int value = 0;
    for (size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

// DaysFromCivil: days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's public
// derivation, chrono-compatible low-level date algorithms).
int64_t DaysFromCivil(int64_t year, int month, int day) {
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int DaysInMonth(int year, int month) {
    static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

}  // namespace

std::optional<Uuid> ParseUuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid uuid;
    size_t at = 0;
    for (unsigned char& byte : uuid.bytes) {
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (text[at] != '-') return std::nullopt;
            ++at;
        }
        const int high = HexDigit(text[at]);
        const int low = HexDigit(text[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        byte = static_cast<unsigned char>(high * 16 + low);
        at += 2;
    }
    return uuid;
}

std::string FormatUuid(const Uuid& uuid) {
    std::string hex = Hex({reinterpret_cast<const char*>(uuid.bytes), sizeof(uuid.bytes)});
    for (size_t at : {8, 13, 18, 23}) hex.insert(at, 1, '-');
    return hex;
}

std::string Hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
    }
    return hex;
}

std::optional<TimestampMicros> ParseTimestamp(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' ||
        text[16] != ':' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
        return std::nullopt;
    }
    const int year = Digits(text, 0, 4);
    const int month = Digits(text, 5, 2);
    const int day = Digits(text, 8, 2);
    const int hour = Digits(text, 11, 2);
    const int minute = Digits(text, 14, 2);
    const int second = Digits(text, 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return std::nullopt;
    }
    size_t at = 19;
    int64_t micros = 0;
    if (text[at] == '.') {
        ++at;
        const size_t first = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            if (at - first == 6) return std::nullopt;
            micros = micros * 10 + (text[at] - '0');
            ++at;
        }
        if (at == first) return std::nullopt;
        for (size_t i = at - first; i < 6; ++i) micros *= 10;
    }
    if (at >= text.size()) return std::nullopt;
    int64_t offset_seconds = 0;
    if (text[at] == 'Z' || text[at] == 'z') {
        ++at;
    } else if (text[at] == '+' || text[at] == '-') {
        const int64_t sign = text[at] == '-' ? -1 : 1;
        const int offset_hours = Digits(text, at + 1, 2);
        if (offset_hours < 0 || offset_hours > 23) return std::nullopt;
        at += 3;
        // Minutes where PostgreSQL or RFC 3339 write them, seconds for the local times of old.
        int below[2] = {0, 0};
        for (int& part : below) {
            if (at >= text.size() || text[at] != ':') break;
            part = Digits(text, at + 1, 2);
            if (part < 0 || part > 59) return std::nullopt;
            at += 3;
        }
        offset_seconds = sign * (offset_hours * 3600 + below[0] * 60 + below[1]);
    } else {
        return std::nullopt;
    }
    if (at != text.size()) return std::nullopt;
    const int64_t unix_seconds = DaysFromCivil(year, month, day) * 86400 + hour * 3600 +
                                 minute * 60 + second - offset_seconds;
    return (unix_seconds - kPostgresEpochUnixSeconds) * 1000000 + micros;
}

std::string FormatTimestamp(TimestampMicros timestamp) {
    int64_t seconds = timestamp / 1000000;
    int64_t micros = timestamp % 1000000;
    if (micros < 0) {
        micros += 1000000;
        --seconds;
    }
    seconds += kPostgresEpochUnixSeconds;
    int64_t days = seconds / 86400;
    int64_t of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        --days;
    }
    // The inverse of DaysFromCivil.
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted_month = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const int64_t month = shifted_month + (shifted_month < 10 ? 3 : -9);
    const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    char buffer[64];
    int length = std::snprintf(buffer, sizeof(buffer), "%04d-%02d-%02dT%02d:%02d:%02d",
                               static_cast<int>(year), static_cast<int>(month),
                               static_cast<int>(day), static_cast<int>(of_day / 3600),
                               static_cast<int>(of_day / 60 % 60), static_cast<int>(of_day % 60));
    std::string text(buffer, static_cast<size_t>(length));
    if (micros != 0) {
        length = std::snprintf(buffer, sizeof(buffer), ".%06d", static_cast<int>(micros));
        text.append(buffer, static_cast<size_t>(length));
    }
    return text + "Z";
}

bool IsValidUtf8(std::string_view text) {
    const auto* at = reinterpret_cast<const unsigned char*>(text.data());
    const auto* end = at + text.size();
    while (at < end) {
        if (*at < 0x80) {
            ++at;
            continue;
        }
        const size_t left = static_cast<size_t>(end - at);
        auto continues = [&](size_t i) { return i < left && (at[i] & 0xC0) == 0x80; };
        if (*at >= 0xC2 && *at <= 0xDF && continues(1)) {
            at += 2;
        } else if ((*at & 0xF0) == 0xE0 && continues(1) && continues(2)) {
            if (*at == 0xE0 && at[1] < 0xA0) return false;  // overlong
            if (*at == 0xED && at[1] > 0x9F) return false;  // surrogate
            at += 3;
        } else if (*at >= 0xF0 && *at <= 0xF4 && continues(1) && continues(2) && continues(3)) {
            if (*at == 0xF0 && at[1] < 0x90) return false;  // overlong
            if (*at == 0xF4 && at[1] > 0x8F) return false;  // above U+10FFFF
            at += 4;
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace pganalytics::core
