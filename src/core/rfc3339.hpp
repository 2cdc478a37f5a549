// RFC 3339: timestamps as text. This header uses no containers: the PostgreSQL backend, where
// longjmp skips destructors, includes it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::core {

// ParseTimestamp reads RFC 3339 ("2026-11-22T08:54:22Z", "...22.123456+01:00"; 'T' or a space; at
// most six fractional digits, years 1970 to 9999), and PostgreSQL's output of a timestamptz with
// DateStyle ISO ("2026-11-22 08:53:55.496158+00"). std::nullopt for anything else.
std::optional<TimestampMicros> ParseTimestamp(std::string_view text);

// ParseInstant reads what people write: everything that ParseTimestamp reads; a date alone, which
// means midnight UTC; a time without an offset, which means UTC; years from 1; up to nine
// fractional digits, of which it ignores those after the sixth. std::nullopt for anything else.
std::optional<TimestampMicros> ParseInstant(std::string_view text);

// MicrosOfUnix converts Unix time in seconds.
constexpr TimestampMicros MicrosOfUnix(int64_t unix_seconds) {
    return (unix_seconds - kPostgresEpochUnixSeconds) * 1000000;
}

// WriteTimestamp writes RFC 3339 in UTC with six fractional digits, or none if they are zero, and
// returns the number of bytes, without a NUL.
inline constexpr size_t kTimestampBytes = 64;
size_t WriteTimestamp(TimestampMicros timestamp, char (&out)[kTimestampBytes]);

}  // namespace pganalytics::core
