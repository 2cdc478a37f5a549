#include "collector/life/link.hpp"

#include "collector/life/config.hpp"

namespace pganalytics::collector {

Link MakeLink(const Config& config, const std::optional<Identity>& identity,
              const std::optional<ServerState>& server) {
    Link link;
    link.url = config.url;
    link.token = config.token;
    if (identity) link.identity = identity->pem;
    if (!config.ca_file.empty() || !config.pin.empty()) {
        link.ca_file = config.ca_file;
        link.pins = config.pin;
    } else if (server) {
        link.authorities = server->trust.authorities;
        link.pins = server->trust.pins;
    }
    return link;
}

std::string VerifiedBy(const Link& link) {
    std::string by;
    if (!link.authorities.empty()) by = "the authorities known from enrolment";
    if (!link.ca_file.empty()) by = "ca_file";
    if (!link.pins.empty()) by += by.empty() ? "pin" : " and pin";
    return by.empty() ? "the system's CA certificates" : by;
}

}  // namespace pganalytics::collector
