// Health: the figures that a collector may ask for between its pushes.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// AnswerHealth answers a HealthRequest: 200 with the document of pganalytics.metrics_health(); 403
// when the credential is not the collector's, or no longer; 503 when the document is not ready
// within kHealthLimitMs or cannot be read. The body lives in `context`. Never raises an ERROR.
// REQUIRES: no transaction in progress; the current role is the ingest role.
protocol::HealthReply AnswerHealth(const protocol::HealthRequest& request, MemoryContext context);

// Pushes wait while this worker reads the figures, so the limit is short: the same as for a lock.
inline constexpr int kHealthLimitMs = 500;

}  // namespace pganalytics::pg
