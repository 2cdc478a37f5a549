// Startup: everything that a gateway does with files, before the sandbox is in force.
#pragma once

#include <string>

#include "core/result.hpp"
#include "http/tls_context.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::gateway {

struct Startup {
    http::SslCtxPtr tls;
    std::string certificate_sha256;  // lower-case hex
};

// Start checks the configuration, reads all files and limits the process's memory. Errors name the
// file or the setting. REQUIRES: `check`, which decides about client certificates, outlives the
// result.
core::Result<Startup> Start(const protocol::GatewayConfig& config, const http::PeerCheck& check);

}  // namespace pganalytics::gateway
