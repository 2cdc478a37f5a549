// Server stop: tells the audit worker whether the server stops and whether other processes still
// run, so that it can be the last process to end.
#pragma once

namespace pganalytics::bgworker {

// ServerIsStopping: the postmaster was told to stop, by smart or fast shutdown.
bool ServerIsStopping();

// OthersAreThere: sessions or other workers of ours still run. Walsenders do not count: they stay
// until the shutdown checkpoint, which waits for this worker.
bool OthersAreThere();

}  // namespace pganalytics::bgworker
