// Trust: how to verify the server, as the server states it in GET /api/v1/pki/trust.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace pganalytics::collector {

// Trust names the authorities that sign the server's certificate, and the pins of its current and
// next keys. One of the two may be missing; the server must match all that is present.
struct Trust {
    uint64_t version = 0;
    std::string authorities;  // PEM, "" = none
    std::string pins;         // in libcurl's form: sha256//base64;sha256//base64, "" = none

    friend bool operator==(const Trust&, const Trust&) = default;
};

// ParseTrust reads {"version": n, "authorities": [PEM, ...], "pins": ["sha256/base64", ...]}. It
// refuses a document without any entry, or with an entry that is not exactly one certificate or one
// pin. Ignoring a faulty entry would make the collector's check of the server weaker than the
// server asked for.
core::Result<Trust> ParseTrust(std::string_view json);

// ServerState is what an enrolled collector stores about its server.
struct ServerState {
    std::string url;
    Trust trust;

    friend bool operator==(const ServerState&, const ServerState&) = default;
};

// FormatServerState and ParseServerState write and read {"url": ..., "trust": {...}}.
std::string FormatServerState(const ServerState& state);
core::Result<ServerState> ParseServerState(std::string_view json);

// Enrolled is the answer to a certificate request.
struct Enrolled {
    std::string certificate;  // PEM, with the certificates up to its authority
    Trust trust;
};

// ParseEnrolled reads {"certificate": PEM, "trust": {...}, ...}.
core::Result<Enrolled> ParseEnrolled(std::string_view json);

}  // namespace pganalytics::collector
