// Trust: by what the server is verified, as the server itself says in GET /api/v1/pki/trust.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace pganalytics::collector {

// Trust names the authorities that have signed the server's certificate and the keys it may have,
// now and next. Either may be missing; what is there must hold. With neither, the server is
// verified as the configuration says.
struct Trust {
    uint64_t version = 0;
    std::string authorities;  // PEM, "" = none
    std::string pins;         // as libcurl wants them: sha256//base64;sha256//base64, "" = none

    friend bool operator==(const Trust&, const Trust&) = default;
};

// ParseTrust reads {"version": n, "authorities": [PEM, ...], "pins": ["sha256/base64", ...]}.
// Anything that is not exactly a certificate or a pin is an error: what cannot be read must not
// become "nothing to verify by".
core::Result<Trust> ParseTrust(std::string_view json);

// ServerState is what an enrolled collector knows of its server.
struct ServerState {
    std::string url;
    Trust trust;

    friend bool operator==(const ServerState&, const ServerState&) = default;
};

// FormatServerState and ParseServerState: {"url": ..., "trust": {...}}.
std::string FormatServerState(const ServerState& state);
core::Result<ServerState> ParseServerState(std::string_view json);

// Enrolled is the answer to a request for a certificate.
struct Enrolled {
    std::string certificate;  // PEM, with the certificates up to its authority
    Trust trust;
};

// ParseEnrolled reads {"certificate": PEM, "trust": {...}, ...}.
core::Result<Enrolled> ParseEnrolled(std::string_view json);

}  // namespace pganalytics::collector
