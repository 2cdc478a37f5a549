// Audit worker: moves the records of the ring into the audit log, chained, and says where it ends.
#pragma once

namespace pganalytics::bgworker {

void RunAuditWorker();

}  // namespace pganalytics::bgworker
