// Store: a group of pushes in one transaction, and a receipt for each.
#pragma once

#include "pg/base/prelude.hpp"
#include "pg/identity/authenticate.hpp"
#include "pg/store/metrics/push_job.hpp"

namespace pganalytics::pg {

// StorePushes decides every job: stored (200), known (200, duplicate), or refused. Pushes share one
// transaction. If it fails, each push is tried alone, so that a bad push fails only itself. Never
// raises an ERROR for what a push or the tables cause. The strings of the receipts, and all else
// that a group allocates, live in `context`; the caller resets it after sending.
// REQUIRES: no transaction in progress; the current role is the ingest role.
void StorePushes(PushJob* jobs, int count, MemoryContext context);

// AnswerAuth answers an AuthRequest: 200 with the collector, 403 or 503. Raises no ERROR.
// REQUIRES: as StorePushes.
protocol::AuthReply AnswerAuth(const protocol::AuthRequest& request, MemoryContext context);

}  // namespace pganalytics::pg
