// Text: the few conversions that every part needs to spell alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::core {

// ParseUuid reads the 36-character form, either case. std::nullopt for anything else.
std::optional<Uuid> ParseUuid(std::string_view text);
std::string FormatUuid(const Uuid& uuid);

// Hex writes bytes as lower-case hexadecimal.
std::string Hex(std::string_view bytes);

// ParseTimestamp reads RFC 3339 ("2026-11-22T08:54:22Z", "...22.123456+01:00"; 'T' or a space; at
// most six fractional digits, years 1970 to 9999), and what PostgreSQL writes for a timestamptz
// with DateStyle ISO ("2026-11-22 08:53:55.496158+00"). std::nullopt for anything else.
std::optional<TimestampMicros> ParseTimestamp(std::string_view text);

// FormatTimestamp writes RFC 3339 in UTC with six fractional digits, none when they are zero.
std::string FormatTimestamp(TimestampMicros timestamp);

// IsValidUtf8 accepts exactly the well-formed sequences of RFC 3629: no surrogates, no overlong
// forms, nothing above U+10FFFF. A NUL byte is well-formed; callers that feed PostgreSQL refuse it.
bool IsValidUtf8(std::string_view text);

}  // namespace pganalytics::core
