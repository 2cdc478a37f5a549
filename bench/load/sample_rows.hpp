// SampleRows: the rows that every way of the bench inserts, made from the metric catalog. Counters
// that are usually zero in pg_stat_statements are zero in them, and every way stores a zero as
// NULL.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/catalog/catalog.hpp"

namespace pganalytics::bench {

// Counters gives the columns of query_samples behind its key (server_id, series_id, sampled_at).
inline std::span<const protocol::Column> Counters() {
    return protocol::FindMetric(protocol::MetricId::kQueryStats)
        ->columns.subspan(protocol::kFirstCounter);
}

// IsUsuallyZero says whether a counter is zero in every row of the bench.
inline bool IsUsuallyZero(std::string_view name) {
    return name.starts_with("local_") || name.starts_with("temp_") || name == "plans" ||
           name == "total_plan_time" || name == "shared_blks_written" || name == "wal_fpi";
}

// IsZeroAsSeen says whether a counter of a query is zero in the form that our collector sends. The
// shares are those of a real v3 collector (test/fixtures/v3-collector-push.json.gz): 60 % of the
// statements write WAL, 13 % of them whole pages; 19 % read and dirty blocks, 11 % write them.
// `rows` and the deviation are not zero in a statement that runs often.
inline bool IsZeroAsSeen(std::string_view name, int64_t query) {
    const uint64_t place = (static_cast<uint64_t>(query) * 0x9E3779B97F4A7C15 >> 32) % 100;
    if (name == "wal_records" || name == "wal_bytes") return place >= 60;
    if (name == "wal_fpi") return place >= 13;
    if (name == "shared_blks_read" || name == "shared_blks_dirtied" ||
        name == "shared_blk_read_time") {
        return place >= 19;
    }
    if (name == "shared_blks_written") return place >= 11;
    return IsUsuallyZero(name) || name == "shared_blk_write_time";
}

// CountOf and MillisOf give the value of a counter for a query in the `push`-th sample: different
// for each query and column, growing from sample to sample.
inline int64_t CountOf(size_t column, int64_t query, int64_t push) {
    const uint64_t mixed = (static_cast<uint64_t>(query) * 31 + column) * 0x9E3779B97F4A7C15;
    return static_cast<int64_t>(mixed >> 44) + push * static_cast<int64_t>(1 + (mixed >> 58));
}
inline double MillisOf(size_t column, int64_t query, int64_t push) {
    return static_cast<double>(CountOf(column, query, push)) / 1024.0 * 1.0009765625;
}

// QueryIdOf gives ids that need all 64 bits, as real ones do.
inline int64_t QueryIdOf(int64_t query) {
    return static_cast<int64_t>(static_cast<uint64_t>(query + 1) * 0xD6E8FEB86659FD93);
}

inline std::string QueryTextOf(int64_t query) {
    return "SELECT o.id, o.total, c.name FROM orders_" + std::to_string(query) +
           " o JOIN customers c ON c.id = o.customer_id WHERE o.customer_id = $1 AND "
           "o.created_at > $2 AND o.state = ANY ($3) ORDER BY o.created_at DESC LIMIT $4";
}

}  // namespace pganalytics::bench
