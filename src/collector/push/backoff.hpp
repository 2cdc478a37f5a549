// Back-off: how long to wait before the same push is tried again.
#pragma once

#include <chrono>

namespace pganalytics::collector {

using Millis = std::chrono::milliseconds;

inline constexpr Millis kFirstBackoff{1000};
inline constexpr Millis kLongestBackoff{300000};
// An answer that asks for more than this is not believed.
inline constexpr Millis kLongestRetryAfter{3600000};

// BackoffDelay: exponential with full jitter. `failures` counts the tries that failed, from 1;
// `random` is uniform in [0, 1); `retry_after` is the answer's Retry-After, 0 if it has none, and
// is the floor of the result. The ceiling doubles from 1 s to 5 min.
Millis BackoffDelay(int failures, Millis retry_after, double random);

// NextSlot gives the first time after `now` on the grid first + n * interval, so that a late or
// long sample delays none of those that follow.
std::chrono::steady_clock::time_point NextSlot(std::chrono::steady_clock::time_point first,
                                               Millis interval,
                                               std::chrono::steady_clock::time_point now);

}  // namespace pganalytics::collector
