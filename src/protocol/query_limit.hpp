// Query limit: which queries of a snapshot are kept when the number of queries per database is
// limited, and how the times of merged queries are combined. The gateway and our collector limit
// queries in the same way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pganalytics::protocol {

// kOtherQueryId is the queryid of the row into which queries beyond the limit are merged. In that
// row, user is "", toplevel is true, and the text is missing. pg_stat_statements gives no query the
// id 0.
inline constexpr int64_t kOtherQueryId = 0;

// QueryWeight is the ranking key of a query.
struct QueryWeight {
    double total_time = 0;
    int64_t calls = 0;
};

// ChooseQueries says for each row whether it is kept. It keeps exactly min(limit, rows.size())
// rows. It chooses them alternately from the ranking by total time and from the ranking by calls:
// each time the highest row that is not chosen yet. Of equal rows, the earlier one ranks higher.
// The time is O(n + limit log limit). REQUIRES: no total_time is NaN.
std::vector<bool> ChooseQueries(std::span<const QueryWeight> rows, size_t limit);

// ExecTimes are the times of a query's calls, as pg_stat_statements stores them: stddev is the
// standard deviation of the population.
struct ExecTimes {
    double calls = 0;
    double min = 0;
    double max = 0;
    double mean = 0;
    double stddev = 0;
};

// CombineTimes returns the times as if pg_stat_statements had counted both sides in one entry. A
// side without calls was planned but never executed, so its times are all zero and are ignored.
// Values near the largest double give infinities or NaN, which the caller refuses.
ExecTimes CombineTimes(const ExecTimes& a, const ExecTimes& b);

}  // namespace pganalytics::protocol
