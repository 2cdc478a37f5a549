// Server files: the made server certificate, its key, and the key that comes after it.
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
    bool rotate = false;  // another certificate with the next key, though nothing is due
};

struct ServerState {
    CertPtr certificate;
    KeyPtr key;
    KeyPtr next_key;      // whose pin collectors know before it is used
    std::string problem;  // why the certificate, which is good, could not be replaced; "" nothing
};

// EnsureServer brings the files to what they should be. The certificate is made again with its key
// when the names or the address of the revocation list have changed or it is not good for anything,
// and with the next key when two thirds of its life have passed; then another next key is made. The
// authority's key is read only for that; if it cannot be read, a certificate that is good stays. A
// crash between the files is mended: the certificate is written first, and tells which key is
// meant. *notes gets sentences for a log.
core::Result<ServerState> EnsureServer(const ServerOptions& options, Authority* authority,
                                       std::vector<std::string>* notes);

}  // namespace pganalytics::pki
