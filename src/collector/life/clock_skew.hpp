// Clock skew: how far this host's clock is from another one, in words.
#pragma once

#include <chrono>
#include <string>

namespace pganalytics::collector {

// From kSmallSkew on `check` warns; from kLargeSkew on it fails, and `run` logs a warning: samples
// carry this host's time, so they then count for a wrong time.
inline constexpr std::chrono::seconds kSmallSkew{5};
inline constexpr std::chrono::seconds kLargeSkew{60};

// SkewText says it with the remedy, such as "this host's clock is 3 h 0 min ahead of that of NAME;
// ...". `ahead` is below zero if this host's clock is behind.
std::string SkewText(std::chrono::seconds ahead, const std::string& name);

inline constexpr const char* kClockRemedy =
    "compare `date -u` on both hosts and set the wrong one (timedatectl set-ntp true)";

}  // namespace pganalytics::collector
