// Series: from the identity of a query to its number, through a cache in the worker's memory in
// front of query_series and query_texts.
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

// ResolveSeries gives the series number of each row of a block of kQueryStats, adding series and
// texts that are new and noting resets: counters that have fallen since the sample before, a row
// that says so (stats_since), or one that is a base (rebased). `out` has block.rows elements; rows
// outside the window get 0 and leave no trace. ERROR 22001/22021 for names or texts PostgreSQL
// cannot hold. REQUIRES: SPI connected.
void ResolveSeries(int32 server_id, const protocol::RowBlock& block, const SampleWindow& window,
                   int32* out);

// CommitSeries and ForgetTouchedSeries end a transaction: after an abort, what it added or changed
// in the cache must go, for it is not in the tables.
void CommitSeries();
void ForgetTouchedSeries();

// ForgetSeries empties the cache: the extension was made anew.
void ForgetSeries();

}  // namespace pganalytics::pg
