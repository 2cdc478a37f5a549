// RFC 3339: timestamps as text. The PostgreSQL backend includes this header. So it uses no
// containers: longjmp in the backend skips their destructors.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::core {

// ParseTimestamp reads a time in one of two forms:
//   * RFC 3339, such as "2026-11-22T08:54:22Z". An offset may replace the Z, whole hours too.
//   * PostgreSQL's timestamptz in DateStyle ISO, such as "2026-11-22 08:53:55.496158+00".
// The year is 1970 to 9999. The second has at most six fractional digits. ParseTimestamp returns
// std::nullopt for anything else.
std::optional<TimestampMicros> ParseTimestamp(std::string_view text);

// ParseRfc3339 reads what ParseTimestamp reads, but only with a T between date and time.
std::optional<TimestampMicros> ParseRfc3339(std::string_view text);

// ParseInstant reads what people write: everything that ParseTimestamp reads; a date alone, which
// means midnight UTC; a time without an offset, which means UTC; years from 1; up to nine
// fractional digits (it ignores those after the sixth). It returns std::nullopt for anything else.
std::optional<TimestampMicros> ParseInstant(std::string_view text);

// MicrosOfUnix converts Unix time in seconds to a TimestampMicros.
constexpr TimestampMicros MicrosOfUnix(int64_t unix_seconds) {
    return (unix_seconds - kPostgresEpochUnixSeconds) * 1000000;
}

// WriteTimestamp writes RFC 3339 in UTC, with six fractional digits, or with none if they are zero.
// It returns the number of bytes written. It does not write a terminating NUL.
inline constexpr size_t kTimestampBytes = 64;
size_t WriteTimestamp(TimestampMicros timestamp, char (&out)[kTimestampBytes]);

}  // namespace pganalytics::core
