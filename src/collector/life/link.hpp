// Link: where requests go, how the server is verified, and as whom we send.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"

namespace pganalytics::collector {

struct Config;

// Link: the server must match all that is set: its key the pins, its certificate and name the
// authorities (`authorities` or ca_file). If only pins are set, chain and name are not checked. If
// nothing is set, the system's authorities and the name count. Verification cannot be switched off.
struct Link {
    std::string url;          // https://host:port[/prefix], no slash at its end
    std::string ca_file;      // PEM file, "" = none
    std::string authorities;  // PEM; "" = none, or ca_file names them
    std::string pins;         // in libcurl's form, "" = none
    std::string token;        // for the Authorization header, "" = none
    std::string identity;     // certificate and key in PEM, "" = none
};

// MakeLink: if the configuration sets server.ca_file or server.pin, only these verify the server;
// otherwise the trust document in `server` does.
Link MakeLink(const Config& config, const std::optional<Identity>& identity,
              const std::optional<ServerState>& server);

// VerifiedBy says in words by what a link verifies its server.
std::string VerifiedBy(const Link& link);

}  // namespace pganalytics::collector
