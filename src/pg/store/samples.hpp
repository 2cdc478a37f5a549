// Samples: from the row blocks of a group to rows of the metrics' tables.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// StoreSamples inserts what is to be stored of the rows of every job, metric by metric in the order
// of the catalog, and counts in the job's tallies what became of each row: stored, unchanged
// because it says what is stored already, or discarded, because it is older than its table keeps or
// more than a day in the future. `context` holds the rows until the insert.
// REQUIRES: jobs sorted by server, with the numbers of their databases; SPI connected. Errors:
// those of BulkInsert, ResolveSeries and FillCells.
void StoreSamples(PushJob* const* jobs, int count, MemoryContext context);

// The caches behind it: after a commit, after an abort, and when the extension was made anew.
void CommitSamples();
void ForgetTouchedSamples();
void ForgetSamples();

// How far ahead of our clock a sample may be.
inline constexpr int64_t kNewestSampleDays = 1;
// make_partition() makes no older day, whatever the retention.
inline constexpr int64_t kOldestPartitionDays = 1830;

}  // namespace pganalytics::pg
