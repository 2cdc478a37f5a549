// Types: plain values that frames, rows and SQL share. Code in src/pg includes this header. So it
// uses no containers: longjmp in src/pg skips their destructors.
#pragma once

#include <cstdint>

namespace pganalytics::core {

// Uuid holds the 16 bytes of a UUID (RFC 9562) in the order in which the text form writes them.
struct Uuid {
    unsigned char bytes[16] = {};
    friend bool operator==(const Uuid&, const Uuid&) = default;
};

// Sha256 is a SHA-256 digest (FIPS 180-4).
struct Sha256 {
    unsigned char bytes[32] = {};
    friend bool operator==(const Sha256&, const Sha256&) = default;
};

// TimestampMicros counts microseconds from 2000-01-01 00:00:00 UTC, PostgreSQL's own epoch, so a
// value is also a timestamptz Datum.
using TimestampMicros = int64_t;
inline constexpr int64_t kPostgresEpochUnixSeconds = 946684800;

}  // namespace pganalytics::core
