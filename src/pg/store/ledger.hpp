// Ledger: the table with one row for each stored push. If a push comes again, its first receipt is
// found here.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// LockPushKeys locks the keys of the jobs against all other workers until the transaction ends.
// ERROR 55P03 after half a second.
void LockPushKeys(PushJob* const* jobs, int count);

// FindReceipts makes today's partitions of ledger and accounts if there are none, and locks them.
// It sets the receipts of the jobs whose keys are in the ledger already: 200 with the counts of the
// first receipt, or 409 if the same key came with another body. REQUIRES: SPI connected, keys
// locked.
void FindReceipts(PushJob* const* jobs, int count);

// AddToLedger inserts the rows of the jobs that this transaction stores. REQUIRES: SPI connected.
void AddToLedger(PushJob* const* jobs, int count);

}  // namespace pganalytics::pg
