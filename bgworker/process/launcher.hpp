// Launcher: the one worker that always runs; it starts and restarts the others.
#pragma once

namespace pganalytics::bgworker {

// RegisterLauncher registers it with the postmaster. REQUIRES: shared_preload_libraries are
// loading.
void RegisterLauncher();

// RunLauncher runs it and returns when it must stop.
void RunLauncher();

}  // namespace pganalytics::bgworker
