#include "pg/base/unix_time.hpp"

#include "core/types.hpp"

namespace pganalytics::pg {

int64 UnixNow() { return UnixOf(GetCurrentTimestamp()); }

int64 UnixOf(TimestampTz time) {
    const int64 seconds = time / USECS_PER_SEC - (time % USECS_PER_SEC < 0 ? 1 : 0);
    return seconds + core::kPostgresEpochUnixSeconds;
}

bool FromUnix(int64 seconds, TimestampTz* time) {
    constexpr int64 kYear10000 = 253402300800;
    if (seconds < 0 || seconds >= kYear10000) return false;
    *time = (seconds - core::kPostgresEpochUnixSeconds) * USECS_PER_SEC;
    return true;
}

}  // namespace pganalytics::pg
