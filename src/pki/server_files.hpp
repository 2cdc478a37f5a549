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

// EnsureServer makes or renews the server's files as needed. If the names or the URL of the
// revocation list have changed, or the certificate is unusable, it makes a new certificate for the
// same key. When two thirds of the validity period have passed, it makes a certificate for the next
// key, which then becomes the current key, and makes another next key. It reads the authority's key
// only to issue a certificate. If it cannot renew a valid certificate, it keeps the old one and
// sets `problem`. It also repairs the files after a crash: a new certificate is written before its
// key becomes the current one, and shows which key belongs to it. For the log, it appends to *notes
// what it has done.
core::Result<ServerState> EnsureServer(const ServerOptions& options, Authority* authority,
                                       std::vector<std::string>* notes);

}  // namespace pganalytics::pki
