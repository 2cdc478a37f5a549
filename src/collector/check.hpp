// The command check.
#pragma once

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// Check tries every step of the command run. For each step it prints one line on stdout: OK, WARN
// or FAIL, with the remedy. Returns 0 only if nothing failed.
int Check(const Config& config, const std::string& config_path, const StopSignal& stop);

}  // namespace pganalytics::collector
