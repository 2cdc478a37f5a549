// Ledger: one row per push; a retry finds its first receipt here.
#pragma once

#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// LockPushKeys makes every other worker wait that holds one of the keys; jobs must be sorted by
// (server_id, push_key) so that two workers never wait for each other in a circle. The locks go
// with the transaction. ERROR 55P03 after lock_timeout.
void LockPushKeys(PushJob* const* jobs, int count);

// FindReceipts answers the jobs that the ledger already has: with their first counts, or with 409
// if the same key came with another body. REQUIRES: SPI connected, keys locked.
void FindReceipts(PushJob* const* jobs, int count);

// AddToLedger writes the rows of the jobs that are stored now. REQUIRES: SPI connected.
void AddToLedger(PushJob* const* jobs, int count);

}  // namespace pganalytics::pg
