// Arithmetic of retries and of the sampling schedule.
#include "collector/push/backoff.hpp"

#include <algorithm>
#include <random>

#include "core/monotonic.hpp"

namespace pganalytics::collector {

Millis BackoffDelay(int failures, Millis retry_after, double random) {
    const int64_t ceiling_ms =
        core::BackoffMs(failures, kFirstBackoff.count(), kLongestBackoff.count());
    const Millis jittered(static_cast<Millis::rep>(static_cast<double>(ceiling_ms) * random));
    return std::max(jittered, std::min(retry_after, kLongestRetryAfter));
}

std::chrono::steady_clock::time_point NextSlot(std::chrono::steady_clock::time_point first,
                                               Millis interval,
                                               std::chrono::steady_clock::time_point now) {
    if (now < first) return first;
    return first + ((now - first) / interval + 1) * interval;
}

double RandomFraction() {
    static thread_local std::mt19937_64 generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace pganalytics::collector
