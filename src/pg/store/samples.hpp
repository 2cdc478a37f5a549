// Samples: turns the row blocks of a group into rows of the metric tables.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// StoreSamples inserts the rows that must be stored, metric by metric in the order of the catalog.
// In the job's tallies it counts each row as one of these:
//   stored     the row is inserted
//   unchanged  the table already holds the same values
//   too_old    the row is older than its table's retention
//   in_future  the row is more than a day in the future
//   over_quota the collector has too many servers, databases or series
// `context` holds the rows until the insert. StoreSamples raises the errors of BulkInsert,
// ResolveSeries and FillCells.
// REQUIRES: jobs sorted by server, their database_ids set; SPI connected.
void StoreSamples(PushJob* const* jobs, int count, MemoryContext context);

// CommitSamples, ForgetTouchedSamples and ForgetSamples update the caches of StoreSamples. Call the
// first after a commit, the second after an abort, and the third when the extension was dropped and
// created again.
void CommitSamples();
void ForgetTouchedSamples();
void ForgetSamples();

// A sample may be this far ahead of our clock.
inline constexpr int64_t kNewestSampleDays = 1;
// Older samples are discarded whatever the retention, because make_partition() creates no partition
// for an older day.
inline constexpr int64_t kOldestPartitionDays = 1830;

}  // namespace pganalytics::pg
