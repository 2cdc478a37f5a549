// RFC 3339: points of time as text. No containers: the server includes this.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::core {

// ParseTimestamp reads RFC 3339 ("2026-11-22T08:54:22Z", "...22.123456+01:00"; 'T' or a space; at
// most six fractional digits, years 1970 to 9999), and what PostgreSQL writes for a timestamptz
// with DateStyle ISO ("2026-11-22 08:53:55.496158+00"). std::nullopt for anything else.
std::optional<TimestampMicros> ParseTimestamp(std::string_view text);

// ParseInstant reads what people write: all that ParseTimestamp reads, a date, which is its
// midnight, a time without an offset, which is UTC, years from 1, up to nine fractional digits, of
// which those behind the sixth do not count. std::nullopt for anything else.
std::optional<TimestampMicros> ParseInstant(std::string_view text);

// MicrosOfUnix gives the time of a count of seconds since 1970.
constexpr TimestampMicros MicrosOfUnix(int64_t unix_seconds) {
    return (unix_seconds - kPostgresEpochUnixSeconds) * 1000000;
}

// WriteTimestamp writes RFC 3339 in UTC with six fractional digits, none when they are zero, and
// gives the number of bytes, without a NUL.
inline constexpr size_t kTimestampBytes = 64;
size_t WriteTimestamp(TimestampMicros timestamp, char (&out)[kTimestampBytes]);

}  // namespace pganalytics::core
