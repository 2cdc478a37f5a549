// Maintenance worker: does periodic work that does not depend on pushes.
#pragma once

namespace pganalytics::bgworker {

// RunMaintenanceWorker makes partitions ahead and drops those whose retention has passed: at its
// start, every hour, and after a reload. It returns when the worker must stop or the extension was
// dropped.
void RunMaintenanceWorker();

}  // namespace pganalytics::bgworker
