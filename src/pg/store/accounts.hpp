// Accounts: counts by database what became of the rows of each push.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// ResolveDatabases sets database_ids of each job: one id for each of the job's accounts. It adds
// new databases in the order of their names, so that two workers cannot deadlock. It raises the
// same errors as FindDatabases.
// REQUIRES: jobs sorted by server; SPI connected.
void ResolveDatabases(PushJob* const* jobs, int count);

// SumUp fills the counts of a receipt: the gateway's counts plus the tallies.
void SumUp(PushJob* job);

// AddAccounts inserts the rows of push_accounts: for each push one row for each account, and one
// for "no database" even if all its counts are zero. REQUIRES: SPI connected, tallies complete.
void AddAccounts(PushJob* const* jobs, int count);

}  // namespace pganalytics::pg
