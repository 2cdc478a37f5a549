// Store: stores a group of pushes in one transaction, and makes a receipt for each push.
#pragma once

#include "pg/base/shmem.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// StorePushes stores pushes and sets the receipt of every job:
//   200             the push is stored
//   200, duplicate  the push was stored before
//   other           the push is refused
// All pushes share one transaction. If it fails, StorePushes tries each push in a transaction of
// its own, so that a bad push fails alone. It raises no ERROR if a push or the tables are at fault.
// It allocates the receipts' strings and all else in `context`. The caller resets `context` after
// sending the receipts.
// REQUIRES: no transaction in progress; the current role is the ingest role.
void StorePushes(PushJob* jobs, int count, MemoryContext context);

// AreRequestsLocked: another session keeps a table locked that every request needs, as far as the
// worker knows. Then answer 503 instead of waiting for the table. Raises no ERROR. REQUIRES: the
// same as StorePushes.
bool AreRequestsLocked(MemoryContext context);

// AnswerAuth answers an AuthRequest: 200 with the collector, 403 or 503. It reports an ERROR as a
// trouble of the worker with this row. Raises no ERROR. REQUIRES: the same as StorePushes.
protocol::AuthReply AnswerAuth(const protocol::AuthRequest& request, WorkerStatus* status,
                               MemoryContext context);

}  // namespace pganalytics::pg
