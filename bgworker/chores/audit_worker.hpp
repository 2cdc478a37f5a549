// Audit worker: moves the records of the ring buffer in shared memory into the audit log, chains
// them, and publishes the end of the log.
#pragma once

namespace pganalytics::bgworker {

void RunAuditWorker();

}  // namespace pganalytics::bgworker
