// Series: maps the identity of a query to its series number. A cache in the worker's memory stands
// in front of query_series and query_texts.
#pragma once

#include <cstdint>

#include "pg/base/prelude.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::pg {

// SampleWindow is the time in which a sample must have been taken to be stored.
struct SampleWindow {
    TimestampTz oldest;
    TimestampTz newest;
    bool Holds(TimestampTz at) const { return at >= oldest && at <= newest; }
};

// ResolveSeries finds the series number of each row of a block of kQueryStats. It adds new series
// and texts and stores the time of a reset: the counters have fallen since the sample before, the
// row says so (stats_since), or the row is a base (rebased). `out` has block.rows elements; rows
// outside the window get 0 and change nothing. ERROR 22001/22021 for names or texts that PostgreSQL
// cannot hold. REQUIRES: SPI connected.
void ResolveSeries(int32 server_id, const protocol::RowBlock& block, const SampleWindow& window,
                   int32* out);

// Call CommitSeries after a commit and ForgetTouchedSeries after an abort: what an aborted
// transaction added to the cache or changed in it is not in the tables.
void CommitSeries();
void ForgetTouchedSeries();

// ForgetSeries empties the cache. Call it when the extension was dropped and created again.
void ForgetSeries();

}  // namespace pganalytics::pg
