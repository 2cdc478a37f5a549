// The body of a push: one server's plan as JSON, as docs/reference/protocol.md defines it.
#pragma once

#include <cstdint>
#include <string>

#include "collector/sources/snapshot.hpp"
#include "collector/statements/tracker.hpp"
#include "core/json_writer.hpp"

namespace pganalytics::collector {

// PushHead is the part of a body outside the metrics.
struct PushHead {
    std::string collector_id;
    std::string hostname;
    std::string server_name;
};

// WritePushBody writes one metric for each database and time (a Base has another time than the
// snapshot), and one metric about pg_stat_statements itself. It uses the keys of the metric
// catalog. It omits counters that are zero: a missing counter means zero.
void WritePushBody(const PushHead& head, const Snapshot& snapshot, const Plan& plan,
                   core::JsonWriter* json);

// WriteEmptyBody writes a push without metrics: it tests the token and stores no rows.
void WriteEmptyBody(const PushHead& head, uint32_t server_version, core::TimestampMicros now,
                    core::JsonWriter* json);

// Gzip compresses at a level that needs little CPU.
std::string Gzip(const std::string& bytes);

}  // namespace pganalytics::collector
