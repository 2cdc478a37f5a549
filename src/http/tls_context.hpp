// TLS context: the versions, suites and habits that every connection of a server shares.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <vector>

#include "core/result.hpp"

namespace pganalytics::http {

struct SslCtxFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, SslCtxFree>;

// TlsFiles are borrowed; the context takes its own references.
struct TlsFiles {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
    std::vector<X509*> chain;
    std::vector<X509*> authorities;  // empty: clients are asked for no certificate
};

// MakeTlsContext makes a server's context: TLS 1.2 with AEAD and ECDHE, or 1.3; ALPN http/1.1; no
// tickets, no session cache (a resumed session would skip revocation), no renegotiation, no early
// data. With authorities a client may present a certificate, which must then verify and, if it
// lists extended key usages, list clientAuth (OpenSSL's own check is repeated here because an
// absent list counts as all of them).
core::Result<SslCtxPtr> MakeTlsContext(const TlsFiles& files);

}  // namespace pganalytics::http
