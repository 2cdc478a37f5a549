// Server stop: what the audit worker asks to be the last one that leaves.
#pragma once

namespace pganalytics::bgworker {

// ServerIsStopping: the postmaster has been told to stop, by smart or fast shutdown.
bool ServerIsStopping();

// OthersAreThere: there are sessions, or workers of ours. Walsenders do not count: they stay until
// the last checkpoint, which waits for this worker.
bool OthersAreThere();

}  // namespace pganalytics::bgworker
