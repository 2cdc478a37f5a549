// Launcher: the one worker that is always there; it starts the others and starts them again.
#pragma once

namespace pganalytics::bgworker {

// RegisterLauncher tells the postmaster of it. REQUIRES: shared_preload_libraries are loading.
void RegisterLauncher();

// RunLauncher is its life; it returns when it is to stop.
void RunLauncher();

}  // namespace pganalytics::bgworker
