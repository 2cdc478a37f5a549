// Server stop: what the audit worker must know to be the last process to end.
#pragma once

namespace pganalytics::bgworker {

// ServerIsStopping: the postmaster was told to stop, by smart or fast shutdown.
bool ServerIsStopping();

// OthersAreThere: sessions or other workers of ours still run. Walsenders do not count: they stay
// until the last checkpoint, which waits for this worker.
bool OthersAreThere();

}  // namespace pganalytics::bgworker
