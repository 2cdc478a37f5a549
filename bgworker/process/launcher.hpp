// Launcher: the one worker that always runs; it starts and restarts the others.
#pragma once

namespace pganalytics::bgworker {

// RegisterLauncher registers the launcher with the postmaster. REQUIRES: shared_preload_libraries
// are loading.
void RegisterLauncher();

// RunLauncher runs the launcher and returns when it must stop.
void RunLauncher();

}  // namespace pganalytics::bgworker
