// Log: one line per event on stderr, with time and level.
#pragma once

#include <string_view>

namespace pganalytics::collector {

enum class Level { kInfo, kWarning, kError };

// Log writes one line with a single write(), so any thread may call it. Line breaks and other
// control characters in the message become spaces. REQUIRES: no secret in the message.
void Log(Level level, std::string_view message);

}  // namespace pganalytics::collector
