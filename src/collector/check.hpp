// The command check.
#pragma once

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// Check tries every step that run would make and prints one OK, WARN or FAIL line for each on
// stdout, with what mends it. Returns 0 only if nothing failed.
int Check(const Config& config, const std::string& config_path, const StopSignal& stop);

}  // namespace pganalytics::collector
