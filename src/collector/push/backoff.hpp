// Back-off: how long to wait before a retry of the same push.
#pragma once

#include <chrono>

namespace pganalytics::collector {

using Millis = std::chrono::milliseconds;

inline constexpr Millis kFirstBackoff{1000};
inline constexpr Millis kLongestBackoff{300000};
// A longer Retry-After is cut to this.
inline constexpr Millis kLongestRetryAfter{3600000};

// BackoffDelay: exponential with full jitter. `failures` counts the failed tries, from 1; `random`
// is uniform in [0, 1); `retry_after` is the Retry-After of the answer (0: none) and the minimum of
// the result. The upper limit doubles from 1 s to 5 min.
Millis BackoffDelay(int failures, Millis retry_after, double random);

// NextSlot returns the first time after `now` on the grid first + n * interval, so that a late or
// long sample does not delay later ones.
std::chrono::steady_clock::time_point NextSlot(std::chrono::steady_clock::time_point first,
                                               Millis interval,
                                               std::chrono::steady_clock::time_point now);

}  // namespace pganalytics::collector
