// The commands run and once.
#pragma once

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// Run samples every server at the interval and pushes until `stop` is raised. Each server has its
// own thread, so that a server that is down delays no other; one more thread pushes. With dry_run
// it sends nothing and writes the bodies to stdout, one line each. Returns the exit status.
int Run(const Config& config, bool dry_run, const StopSignal& stop);

// Once takes one sample of each server and pushes it, with retries for up to kOnceTimeout. Returns
// 0 only if every server was read and every push stored. Renews the certificate if that is due.
int Once(const Config& config, bool dry_run, const StopSignal& stop);

inline constexpr std::chrono::seconds kOnceTimeout{60};

// StartDelay is the delay before the first sample, from 0 to 10 s and at most one interval. It
// spreads collectors that start at the same time. It depends only on the ids of collector and
// server, so a restart does not change it.
std::chrono::milliseconds StartDelay(const Config& config, size_t server);

}  // namespace pganalytics::collector
