// Unix time: converts between PostgreSQL's timestamps and seconds since 1970, which tokens and
// frames use.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// UnixNow returns the current time in seconds. UnixOf converts a timestamp to seconds, rounded
// down.
int64 UnixNow();
int64 UnixOf(TimestampTz time);

// FromUnix converts seconds to a timestamp. Returns false for a time before 1970 or after the year
// 9999.
bool FromUnix(int64 seconds, TimestampTz* time);

}  // namespace pganalytics::pg
