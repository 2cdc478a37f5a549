// Arithmetic of retries and of the sampling schedule.
#include "collector/push/backoff.hpp"

#include <algorithm>

namespace pganalytics::collector {

Millis BackoffDelay(int failures, Millis retry_after, double random) {
    Millis ceiling = kFirstBackoff;
    for (int i = 1; i < failures && ceiling < kLongestBackoff; ++i) ceiling *= 2;
    ceiling = std::min(ceiling, kLongestBackoff);
    const Millis jittered(static_cast<Millis::rep>(static_cast<double>(ceiling.count()) * random));
    return std::max(jittered, std::min(retry_after, kLongestRetryAfter));
}

std::chrono::steady_clock::time_point NextSlot(std::chrono::steady_clock::time_point first,
                                               Millis interval,
                                               std::chrono::steady_clock::time_point now) {
    if (now < first) return first;
    return first + ((now - first) / interval + 1) * interval;
}

}  // namespace pganalytics::collector
