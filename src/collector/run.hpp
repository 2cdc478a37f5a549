// The commands run and once.
#pragma once

#include <functional>

#include "collector/life/config.hpp"
#include "collector/life/reload.hpp"
#include "collector/life/service_manager.hpp"
#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// LoadAgain reads the configuration as the start did.
using LoadAgain = std::function<core::Result<Config>()>;

// Run samples every server at the interval and pushes until `stop` is raised. Each server has its
// own thread, so that a server that is down delays no other; one more thread pushes. When `reload`
// is raised it goes on with what `load` returns; if that is an error, it logs the error and goes on
// as before. With dry_run it sends nothing and writes the bodies to stdout, one line each. It tells
// `manager` each change of its state, and pings it while all threads make progress. Returns the
// exit status.
int Run(Config config, const LoadAgain& load, const ReloadSignal& reload, ServiceManager* manager,
        bool dry_run, const StopSignal& stop);

// Once takes one sample of each server and pushes it, with retries for up to kOnceTimeout. Returns
// 0 only if every server was read and every push stored. Renews the certificate if that is due.
int Once(const Config& config, bool dry_run, const StopSignal& stop);

inline constexpr std::chrono::seconds kOnceTimeout{60};

}  // namespace pganalytics::collector
