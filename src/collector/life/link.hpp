// Link: where requests go, by what the server is verified, and as whom they are sent.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"

namespace pganalytics::collector {

struct Config;

// A server is verified by its pins, by authorities and its name, or by both, whatever is given;
// by the system's authorities and its name if nothing is. There is no way to switch this off.
struct Link {
    std::string url;          // https://host:port[/prefix], no slash at its end
    std::string ca_file;      // PEM file, "" = none
    std::string authorities;  // PEM, "" = none or what is in ca_file
    std::string pins;         // as libcurl wants them, "" = none
    std::string token;        // of the Authorization header, "" = none
    std::string identity;     // certificate and key in PEM, "" = none
};

// MakeLink: server.ca_file and server.pin of the configuration decide alone if one of them is
// given; else what the server said at enrolment.
Link MakeLink(const Config& config, const std::optional<Identity>& identity,
              const std::optional<ServerState>& server);

// VerifiedBy says in words by what a link verifies its server.
std::string VerifiedBy(const Link& link);

}  // namespace pganalytics::collector
