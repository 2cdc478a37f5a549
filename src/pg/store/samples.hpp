// Samples: turns the row blocks of a group into rows of the metric tables.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// StoreSamples inserts the rows of every job that must be stored, metric by metric in the order of
// the catalog. It counts each row in the job's tallies: stored; unchanged, if the table already
// holds the same values; or discarded, if the row is older than its table's retention or more than
// a day in the future. `context` holds the rows until the insert.
// REQUIRES: jobs sorted by server, with the numbers of their databases; SPI connected. Errors:
// those of BulkInsert, ResolveSeries and FillCells.
void StoreSamples(PushJob* const* jobs, int count, MemoryContext context);

// Call these for its caches after a commit, after an abort, and when the extension was dropped and
// created again.
void CommitSamples();
void ForgetTouchedSamples();
void ForgetSamples();

// How far ahead of our clock a sample may be.
inline constexpr int64_t kNewestSampleDays = 1;
// make_partition() creates no partition for an older day, whatever the retention.
inline constexpr int64_t kOldestPartitionDays = 1830;

}  // namespace pganalytics::pg
