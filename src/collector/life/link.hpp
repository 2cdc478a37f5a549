// Link: where requests go, how the server is verified, and how the sender identifies itself.
#pragma once

#include <optional>
#include <string>

#include "collector/life/identity.hpp"
#include "collector/life/trust.hpp"

namespace pganalytics::collector {

struct Config;

// Link says how to reach and verify the server. Verification cannot be switched off.
// If pins are set, the server's key must match one of them.
// If authorities are set (`authorities` or ca_file), one of them must have issued the server's
// certificate, and the certificate must have the server's name.
// If both are set, both are checked. If neither is set, the name and the system's authorities are
// checked.
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

// VerifiedBy says in words what verifies the server of a link, for messages.
std::string VerifiedBy(const Link& link);

}  // namespace pganalytics::collector
