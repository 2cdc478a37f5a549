// The body of a push: one server's plan as JSON, in the form of docs/reference/protocol.md.
#pragma once

#include <cstdint>
#include <string>

#include "collector/sources/snapshot.hpp"
#include "collector/statements/tracker.hpp"
#include "core/json_writer.hpp"

namespace pganalytics::collector {

// PushHead is what stands around the metrics.
struct PushHead {
    std::string collector_id;
    std::string hostname;
    std::string server_name;
};

// WritePushBody writes a metric per database that has statements and time (bases have others than
// the snapshot), and one on the view itself, with the keys of the metric catalog. Counters that are
// zero are left out: absent means zero.
void WritePushBody(const PushHead& head, const Snapshot& snapshot, const Plan& plan,
                   core::JsonWriter* json);

// WriteEmptyBody writes a push without metrics, which proves the token and stores no rows.
void WriteEmptyBody(const PushHead& head, uint32_t server_version, core::TimestampMicros now,
                    core::JsonWriter* json);

// Gzip compresses at a level that costs little CPU.
std::string Gzip(const std::string& bytes);

}  // namespace pganalytics::collector
