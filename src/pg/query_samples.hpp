// Query samples: from the row blocks of a group to rows of query_samples.
#pragma once

#include "pg/store.hpp"

namespace pganalytics::pg {

// StoreQuerySamples inserts the rows of every job, counts in job->rows what goes in and in the
// receipt what is discarded, with the reason: older than the table keeps, or more than a day in
// the future. `context` holds the rows until the insert. ERROR as BulkInsert and ResolveSeries.
void StoreQuerySamples(PushJob* const* jobs, int count, MemoryContext context);

// The caches behind it: after a commit, after an abort, and when the extension was made anew.
void CommitQuerySamples();
void ForgetTouchedQuerySamples();
void ForgetQuerySamples();

// How far from now a sample may be taken: query samples are kept for 30 days.
inline constexpr int64_t kOldestSampleDays = 30;
inline constexpr int64_t kNewestSampleDays = 1;

}  // namespace pganalytics::pg
