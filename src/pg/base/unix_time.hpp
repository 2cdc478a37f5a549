// Unix time: seconds since 1970, as tokens and frames have them, and PostgreSQL's timestamps.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// UnixNow is the time in seconds; UnixOf that of a timestamp, rounded down.
int64 UnixNow();
int64 UnixOf(TimestampTz time);

// FromUnix gives the timestamp of a Unix time; false for one before 1970 or after the year 9999.
bool FromUnix(int64 seconds, TimestampTz* time);

}  // namespace pganalytics::pg
