// Gateway configuration: the Config frame for a gateway of each role.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::bgworker {

int PortOf(protocol::GatewayRole role);

// ConfigOf returns the Config frame for a gateway that inherits `listeners` listening sockets. The
// frame's strings point into the settings.
protocol::GatewayConfig ConfigOf(protocol::GatewayRole role, int listeners);

}  // namespace pganalytics::bgworker
