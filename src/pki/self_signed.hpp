// Self-signed: makes a server's certificate and key where an administrator has given none.
#pragma once

#include <string>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// EnsureSelfSigned makes cert_file and key_file if the certificate does not exist: a P-256 key
// (0600) and a certificate of ten years for `host_name`, localhost, 127.0.0.1 and ::1. A key that
// exists is kept and used, so that a crash between the two files does no harm. Several processes
// may call it at once: a lock file beside the certificate lets one of them make the files.
// True when it has made the certificate. Errors name the file; files are never left half written.
core::Result<bool> EnsureSelfSigned(const std::string& cert_file, const std::string& key_file,
                                    const std::string& host_name);

}  // namespace pganalytics::pki
