// Health: the figures that a collector may ask for between its pushes.
#pragma once

#include "pg/base/shmem.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// AnswerHealth answers a HealthRequest. The status and the body of the reply:
//   200  the document of pganalytics.metrics_health()
//   403  a message: the credential is not valid, or is not that of the collector in the request
//   503  a message: the document was not ready within kHealthLimitMs, is too long, or could not be
//        read
// The body lives in `context`. An ERROR is reported as a trouble of the worker with this row.
// Raises no ERROR. REQUIRES: no transaction in progress; the current role is the ingest role.
protocol::HealthReply AnswerHealth(const protocol::HealthRequest& request, WorkerStatus* status,
                                   MemoryContext context);

// Pushes wait while this worker reads the figures, so this limit is short.
inline constexpr int kHealthLimitMs = 500;

}  // namespace pganalytics::pg
