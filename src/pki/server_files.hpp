// Server files: the server certificate that is made here, its key, and the next key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/authority.hpp"

namespace pganalytics::pki {

inline constexpr char kServerFile[] = "pganalytics_server.crt";
inline constexpr char kServerKeyFile[] = "pganalytics_server.key";
inline constexpr char kNextServerKeyFile[] = "pganalytics_server_next.key";

struct ServerOptions {
    std::string directory;
    std::vector<std::string> names;
    int64_t days = 0;
    int64_t now = 0;      // Unix time in seconds
    bool rotate = false;  // replace certificate and key even if not due
};

struct ServerState {
    CertPtr certificate;
    KeyPtr key;
    KeyPtr next_key;      // collectors know its pin before it is used
    std::string problem;  // why a valid certificate could not be renewed; "" if none
};

// EnsureServer makes the server's certificate and keys, or renews them if needed.
// It makes a new certificate for the current key if there is none, if the present one is unusable
// or not valid yet, or if the names or the URL of the revocation list have changed.
// If two thirds of the validity period have passed, or if `rotate` is set, it makes a certificate
// for the next key. This key then becomes the current key, and EnsureServer makes another next key.
// After a crash, it finds the current key by the certificate: a new certificate is written before
// its key becomes the current key.
// If it cannot renew a valid certificate, it keeps it and sets `problem`; with `rotate` it returns
// an error. It reads the authority's key only to issue a certificate. It appends to *notes what it
// has done, for the log.
core::Result<ServerState> EnsureServer(const ServerOptions& options, Authority* authority,
                                       std::vector<std::string>* notes);

}  // namespace pganalytics::pki
