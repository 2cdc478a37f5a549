// Snapshot: pg_stat_statements of one server at one time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/types.hpp"
#include "protocol/catalog/catalog.hpp"

namespace pganalytics::collector {

// StatementKey is the key by which pg_stat_statements itself stores its entries.
struct StatementKey {
    int64_t queryid = 0;
    uint32_t userid = 0;
    uint32_t dbid = 0;
    bool toplevel = true;
    friend bool operator==(const StatementKey&, const StatementKey&) = default;
};

struct StatementKeyHash {
    size_t operator()(const StatementKey& key) const {
        const uint64_t owner = uint64_t{key.userid} << 32 | key.dbid;
        // queryid is already a hash; the multiplication spreads the oids over all bits.
        return static_cast<uint64_t>(key.queryid) ^
               (owner * 2 + (key.toplevel ? 1 : 0)) * 0x9E3779B97F4A7C15u;
    }
};

struct Statement {
    StatementKey key;
    uint32_t user = 0;      // index into Snapshot::names
    uint32_t database = 0;  // index into Snapshot::names
};

// StatementsInfo describes pg_stat_statements as a whole. A member is empty if it could not be
// read, for example because this version of the extension lacks it.
struct StatementsInfo {
    uint64_t statements = 0;  // rows in the view
    std::optional<int64_t> max;
    std::optional<int64_t> dealloc;
    std::optional<core::TimestampMicros> stats_reset;
};

// Snapshot stores a counter as the 8 bytes of its int8 or float8, in the catalog's order from
// protocol::kFirstCounter on. A counter that this version of pg_stat_statements lacks is 0.
struct Snapshot {
    core::TimestampMicros sampled_at = 0;
    bool has_toplevel = false;
    uint32_t server_version = 0;  // server_version_num
    uint64_t hidden = 0;          // number of statements that our role may not see
    StatementsInfo info;
    std::vector<std::string> names;
    std::vector<Statement> statements;
    std::vector<uint64_t> counters;  // statements.size() * Stride()

    static size_t Stride() {
        return protocol::FindMetric(protocol::MetricId::kQueryStats)->columns.size() -
               protocol::kFirstCounter;
    }
    Snapshot WithoutStatements() const {
        return {sampled_at, has_toplevel, server_version, hidden, info, names, {}, {}};
    }
    const uint64_t* CountersOf(size_t statement) const {
        return counters.data() + statement * Stride();
    }
};

// WasReset is true if the server reset all counters between two snapshots.
inline bool WasReset(const Snapshot& now, const Snapshot& before) {
    return now.info.stats_reset && before.info.stats_reset &&
           *now.info.stats_reset != *before.info.stats_reset;
}

}  // namespace pganalytics::collector
