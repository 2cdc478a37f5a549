// Health: the figures that a collector may ask for between its pushes.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// AnswerHealth answers a HealthRequest: 200 with the document of pganalytics.metrics_health(), 403
// when the token is not the collector's (any more), 503 when the document was not had in
// kHealthLimitMs or at all. The body lives in `context`. Never raises an ERROR.
// REQUIRES: no transaction in progress; the ingest role in force.
protocol::HealthReply AnswerHealth(const protocol::HealthRequest& request, MemoryContext context);

// Pushes wait while the figures are read, so not long: as long as for a lock.
inline constexpr int kHealthLimitMs = 500;

}  // namespace pganalytics::pg
