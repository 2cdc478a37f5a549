// Maintenance worker: does periodic work that does not depend on pushes.
#pragma once

namespace pganalytics::bgworker {

// RunMaintenanceWorker makes partitions ahead and drops partitions whose retention has passed: at
// its start, every hour, after a reload, and after the clock was set. It also tends the certificate
// authority. It returns when the worker must stop or the extension was dropped.
void RunMaintenanceWorker();

}  // namespace pganalytics::bgworker
