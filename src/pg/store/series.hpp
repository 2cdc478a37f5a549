// Series: maps the identity of a query to the number of its series. The worker caches the numbers,
// so that it rarely reads query_series and query_texts.
#pragma once

#include <cstdint>

#include "pg/base/prelude.hpp"
#include "pg/store/metrics/push_job.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::pg {

// SampleWindow is a span of time. Only samples taken within it are stored.
struct SampleWindow {
    TimestampTz oldest;
    TimestampTz newest;
    bool Holds(TimestampTz at) const { return at >= oldest && at <= newest; }
};

// ResolveSeries sets out[i] to the series number of row i of a block of kQueryStats. `out` has
// block.rows elements. A row outside the window, of a database without a row or of a new series
// beyond the quota gets 0 and changes nothing. ResolveSeries adds new series and texts. It also
// stores when the counters of a series were reset. Each of these shows a reset:
//   - the number of calls is lower than in the previous sample
//   - stats_since is not before the newest known sample
//   - `rebased` is true: the row shows no activity and is only a base for the next sample
// ERROR 22001 or 22021 for names or texts that PostgreSQL cannot hold.
// REQUIRES: SPI connected.
void ResolveSeries(const PushJob& job, const protocol::RowBlock& block, const SampleWindow& window,
                   int32* out);

// CommitSeries must be called after a commit, and ForgetTouchedSeries after an abort, because what
// an aborted transaction added or changed in the cache is not in the tables.
void CommitSeries();
void ForgetTouchedSeries();

// ForgetSeries empties the cache. Call it when the extension was dropped and created again.
void ForgetSeries();

}  // namespace pganalytics::pg
