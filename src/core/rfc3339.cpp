#include "core/rfc3339.hpp"

#include <array>
#include <cstdio>

namespace pganalytics::core {
namespace {

constexpr int64_t kMicros = 1000000;

// DaysFromCivil returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar
// (Howard Hinnant's public derivation, chrono-compatible low-level date algorithms).
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

// Reader consumes a text from its start; after the first mismatch all reads fail.
struct Reader {
    std::string_view text;
    bool good = true;

    bool At(char c) const { return !text.empty() && text.front() == c; }
    bool AtDigit() const { return !text.empty() && text.front() >= '0' && text.front() <= '9'; }
    bool Take(char c) {
        if (!good || !At(c)) return false;
        text.remove_prefix(1);
        return true;
    }
    void Need(char c) { good = Take(c); }
    int Number(int digits, int least, int most) {
        int number = 0;
        for (int i = 0; i < digits; ++i) {
            if (!good || !AtDigit()) {
                good = false;
                return least;
            }
            number = 10 * number + (text.front() - '0');
            text.remove_prefix(1);
        }
        good = good && number >= least && number <= most;
        return number;
    }
};

// Form says which variants of the syntax Parse accepts.
struct Form {
    int first_year;
    int fraction_digits;
    bool complete;  // a time and an offset are required
};

int64_t ReadFraction(Reader* reader, const Form& form) {
    int64_t micros = 0;
    int64_t unit = kMicros / 10;
    int digits = 0;
    for (; reader->AtDigit(); reader->text.remove_prefix(1), ++digits) {
        micros += unit * (reader->text.front() - '0');
        unit /= 10;
    }
    reader->good = reader->good && digits >= 1 && digits <= form.fraction_digits;
    return micros;
}

// ReadOffset returns seconds east of Greenwich. Minutes and seconds are optional: PostgreSQL omits
// zero minutes, and writes seconds for historical local times.
int64_t ReadOffset(Reader* reader, const Form& form) {
    if (reader->Take('Z') || reader->Take('z')) return 0;
    if (!form.complete && reader->text.empty()) return 0;
    const bool ahead = reader->Take('+');
    if (!ahead) reader->Need('-');
    int64_t offset = int64_t{reader->Number(2, 0, 23)} * 3600;
    if (reader->Take(':')) {
        offset += reader->Number(2, 0, 59) * 60;
        if (reader->Take(':')) offset += reader->Number(2, 0, 59);
    }
    return ahead ? offset : -offset;
}

int64_t ReadTime(Reader* reader, const Form& form) {
    const int hour = reader->Number(2, 0, 23);
    reader->Need(':');
    const int minute = reader->Number(2, 0, 59);
    reader->Need(':');
    const int second = reader->Number(2, 0, 59);
    int64_t micros = reader->Take('.') ? ReadFraction(reader, form) : 0;
    micros += (hour * 3600 + minute * 60 + second - ReadOffset(reader, form)) * kMicros;
    return micros;
}

std::optional<TimestampMicros> Parse(std::string_view text, const Form& form) {
    Reader reader{text};
    const int year = reader.Number(4, form.first_year, 9999);
    reader.Need('-');
    const int month = reader.Number(2, 1, 12);
    reader.Need('-');
    const int day = reader.Number(2, 1, 31);
    if (!reader.good || day > DaysInMonth(year, month)) return std::nullopt;
    int64_t micros = 0;
    if (form.complete || !reader.text.empty()) {
        reader.good = reader.Take('T') || reader.Take('t') || reader.Take(' ');
        micros = ReadTime(&reader, form);
    }
    if (!reader.good || !reader.text.empty()) return std::nullopt;
    return MicrosOfUnix(DaysFromCivil(year, month, day) * 86400) + micros;
}

}  // namespace

std::optional<TimestampMicros> ParseTimestamp(std::string_view text) {
    return Parse(text, {1970, 6, true});
}

std::optional<TimestampMicros> ParseRfc3339(std::string_view text) {
    constexpr size_t kDateBytes = 10;
    const bool has_space = text.size() > kDateBytes && text[kDateBytes] == ' ';
    return has_space ? std::nullopt : ParseTimestamp(text);
}

std::optional<TimestampMicros> ParseInstant(std::string_view text) {
    return Parse(text, {1, 9, false});
}

size_t WriteTimestamp(TimestampMicros timestamp, char (&out)[kTimestampBytes]) {
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
    // The lines from here to `year` are the inverse of DaysFromCivil.
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
    int length = std::snprintf(out, sizeof(out), "%04d-%02d-%02dT%02d:%02d:%02d",
                               static_cast<int>(year), static_cast<int>(month),
                               static_cast<int>(day), static_cast<int>(of_day / 3600),
                               static_cast<int>(of_day / 60 % 60), static_cast<int>(of_day % 60));
    if (micros != 0) {
        length += std::snprintf(out + length, sizeof(out) - static_cast<size_t>(length), ".%06d",
                                static_cast<int>(micros));
    }
    out[length++] = 'Z';
    return static_cast<size_t>(length);
}

}  // namespace pganalytics::core
