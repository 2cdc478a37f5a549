// Text: UUIDs, hexadecimal and timestamps as std::string, in the one spelling that all programs
// use.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/rfc3339.hpp"
#include "core/types.hpp"

namespace pganalytics::core {

// ParseUuid reads the 36-character form of a UUID, in upper or lower case. It returns std::nullopt
// for anything else.
std::optional<Uuid> ParseUuid(std::string_view text);
std::string FormatUuid(const Uuid& uuid);

// Hex writes bytes as lower-case hexadecimal.
std::string Hex(std::string_view bytes);

// FormatTimestamp writes RFC 3339 in UTC with six fractional digits, or none if they are zero.
std::string FormatTimestamp(TimestampMicros timestamp);

}  // namespace pganalytics::core
