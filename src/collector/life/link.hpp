// Link: where requests go, how the server is verified, and as whom we send.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"

namespace pganalytics::collector {

struct Config;

// A server is verified by its pins, by authorities and its name, or by both, whichever are set. If
// none is set: by the system's authorities and its name. Verification cannot be switched off.
struct Link {
    std::string url;          // https://host:port[/prefix], no slash at its end
    std::string ca_file;      // PEM file, "" = none
    std::string authorities;  // PEM; "": none, or those in ca_file
    std::string pins;         // in libcurl's form, "" = none
    std::string token;        // for the Authorization header, "" = none
    std::string identity;     // certificate and key in PEM, "" = none
};

// MakeLink: if the configuration sets server.ca_file or server.pin, only these count; otherwise the
// trust that the server sent at enrolment.
Link MakeLink(const Config& config, const std::optional<Identity>& identity,
              const std::optional<ServerState>& server);

// VerifiedBy describes in words how a link verifies its server.
std::string VerifiedBy(const Link& link);

}  // namespace pganalytics::collector
