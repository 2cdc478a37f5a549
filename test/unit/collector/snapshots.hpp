// SnapshotBuilder and helpers for the tests of tracker and push body.
#pragma once

#include <bit>
#include <string>
#include <string_view>

#include "collector/sources/snapshot.hpp"

namespace pganalytics::collector {

// CounterIndex finds a counter by the name of its column.
inline size_t CounterIndex(std::string_view name) {
    const auto columns = protocol::FindMetric(protocol::MetricId::kQueryStats)->columns;
    size_t at = protocol::kFirstCounter;
    while (columns[at].name != name) ++at;
    return at - protocol::kFirstCounter;
}

// SnapshotBuilder makes a snapshot of one or more databases.
class SnapshotBuilder {
  public:
    explicit SnapshotBuilder(core::TimestampMicros sampled_at) {
        snapshot_.sampled_at = sampled_at;
        snapshot_.has_toplevel = true;
        snapshot_.server_version = 150004;
    }

    // Add appends a statement of user "app" with these calls and this much time.
    SnapshotBuilder& Add(int64_t queryid, int64_t calls, double total_ms,
                         const std::string& database = "shop") {
        Statement statement;
        statement.key = {queryid, 10, static_cast<uint32_t>(database.size()), true};
        statement.user = Name("app");
        statement.database = Name(database);
        snapshot_.statements.push_back(statement);
        snapshot_.counters.resize(snapshot_.counters.size() + Snapshot::Stride(), 0);
        Set("calls", static_cast<uint64_t>(calls));
        return Set("total_exec_time", std::bit_cast<uint64_t>(total_ms));
    }

    // Set changes a counter of the statement added last.
    SnapshotBuilder& Set(std::string_view counter, uint64_t word) {
        const size_t base = snapshot_.counters.size() - Snapshot::Stride();
        snapshot_.counters[base + CounterIndex(counter)] = word;
        return *this;
    }

    Snapshot Build() const { return snapshot_; }

  private:
    uint32_t Name(const std::string& name) {
        for (uint32_t i = 0; i < snapshot_.names.size(); ++i) {
            if (snapshot_.names[i] == name) return i;
        }
        snapshot_.names.push_back(name);
        return static_cast<uint32_t>(snapshot_.names.size() - 1);
    }

    Snapshot snapshot_;
};

}  // namespace pganalytics::collector
