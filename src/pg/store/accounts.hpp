// Accounts: what became of the rows of each push, by database.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// ResolveDatabases sets the numbers of the databases that the jobs' accounts name, adding those
// that are new in the order of their names, so that two workers never wait for each other in a
// circle. ERROR as DatabaseOf. REQUIRES: jobs sorted by server; SPI connected.
void ResolveDatabases(PushJob* const* jobs, int count);

// SumUp writes the counts of a receipt: what the gateway says, and the tallies.
void SumUp(PushJob* job);

// AddAccounts writes the rows of push_accounts; each push gets one of no database, if only of
// zeros. REQUIRES: SPI connected, tallies complete.
void AddAccounts(PushJob* const* jobs, int count);

}  // namespace pganalytics::pg
