// Gateway configuration: what a gateway of each role is told.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::bgworker {

int PortOf(protocol::GatewayRole role);

// ConfigOf is the Config frame of a gateway that is given so many listening sockets. Its strings
// are the settings' own.
protocol::GatewayConfig ConfigOf(protocol::GatewayRole role, int listeners);

}  // namespace pganalytics::bgworker
