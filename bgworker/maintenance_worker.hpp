// Maintenance worker: what must be done now and then, whether anybody pushes or not.
#pragma once

namespace pganalytics::bgworker {

// RunMaintenanceWorker makes partitions ahead, at its start and every hour; it returns when it is
// to stop.
void RunMaintenanceWorker();

}  // namespace pganalytics::bgworker
