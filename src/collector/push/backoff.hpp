// Back-off: how long to wait before a retry of the same push.
#pragma once

#include <chrono>

namespace pganalytics::collector {

using Millis = std::chrono::milliseconds;

inline constexpr Millis kFirstBackoff{1000};
inline constexpr Millis kLongestBackoff{300000};
// kLongestRetryAfter is the limit to which a longer Retry-After is cut.
inline constexpr Millis kLongestRetryAfter{3600000};

// BackoffDelay returns the delay before the next attempt. It is random between 0 and an upper
// limit. The limit starts at 1 s and doubles with each failure, up to 5 min (exponential back-off
// with full jitter). The delay is at least the smaller of `retry_after` and kLongestRetryAfter.
// `failures` counts the failed attempts, from 1. `retry_after` is the answer's Retry-After, or 0.
// `random` is uniform in [0, 1).
Millis BackoffDelay(int failures, Millis retry_after, double random);

// RandomFraction is uniform in [0, 1). Any thread may call it.
double RandomFraction();

// NextSlot returns the first time after `now` on the grid first + n * interval. A late or long
// sample thus does not delay later ones.
std::chrono::steady_clock::time_point NextSlot(std::chrono::steady_clock::time_point first,
                                               Millis interval,
                                               std::chrono::steady_clock::time_point now);

}  // namespace pganalytics::collector
