// Query limit: which queries of a snapshot are kept when a limit of queries per database holds, and
// how the times of queries that become one are put together. The gateway and our collector limit
// alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pganalytics::protocol {

// The row into which queries beyond the limit are merged: this queryid, the user "", toplevel, no
// text. pg_stat_statements gives no query the id 0.
inline constexpr int64_t kOtherQueryId = 0;

// QueryWeight is what the queries of a snapshot are ranked by.
struct QueryWeight {
    double total_time = 0;
    int64_t calls = 0;
};

// ChooseKept says of each row whether it is kept: exactly min(limit, rows.size()) of them, taken in
// turn from the ranking by total time and from that by calls, the next one of it that is not kept
// yet. Of equal rows the earlier one comes first. REQUIRES: no NaN. O(n + limit log limit).
std::vector<bool> ChooseKept(std::span<const QueryWeight> rows, size_t limit);

// ExecTimes are the times of the calls of a query, as pg_stat_statements keeps them: stddev is that
// of the population.
struct ExecTimes {
    double calls = 0;
    double min = 0;
    double max = 0;
    double mean = 0;
    double stddev = 0;
};

// CombineTimes gives the times as pg_stat_statements would have counted the calls of both together.
// A side without calls was planned but never executed: its zero times say nothing. Values near the
// largest double give infinities or NaN, which the caller refuses.
ExecTimes CombineTimes(const ExecTimes& a, const ExecTimes& b);

}  // namespace pganalytics::protocol
