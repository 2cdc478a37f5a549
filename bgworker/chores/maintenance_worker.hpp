// Maintenance worker: what must be done now and then, whether anybody pushes or not.
#pragma once

namespace pganalytics::bgworker {

// RunMaintenanceWorker makes partitions ahead and drops those whose retention has passed: at its
// start, every hour, and after a reload; it returns when it is to stop.
void RunMaintenanceWorker();

}  // namespace pganalytics::bgworker
