// Config: the checked configuration of a courier, with the content of the file of authorities. The
// courier reads that file before it enters its sandbox.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "protocol/courier_messages.hpp"

namespace pganalytics::courier {

struct Config {
    uint32_t connect_timeout_ms = 0;
    uint32_t timeout_ms = 0;
    std::string allowed_hosts;
    std::string authorities;  // PEM; "": use the system's
    std::string relay_host;
    uint16_t relay_port = 0;
    std::string mail_from;
    std::string host_name;
    std::string user_agent;
};

// MakeConfig checks the configuration from the worker and reads the file of authorities. Errors: a
// malformed list, relay or sender; a file that cannot be read or has no certificate in it; a
// timeout of 0.
core::Result<Config> MakeConfig(const protocol::CourierConfig& received,
                                const std::string& host_name);

}  // namespace pganalytics::courier
