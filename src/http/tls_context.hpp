// TLS context: versions, cipher suites and options that all connections of a server share.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/address.hpp"
#include "core/result.hpp"

namespace pganalytics::http {

struct SslCtxFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, SslCtxFree>;

// PeerCheck is a function that checks each certificate of a client's chain. Depth 0 is the client's
// own certificate. `verdict` is OpenSSL's verdict (X509_V_OK or an error), or kForeign; PeerCheck
// returns the final one. It can refuse a certificate that OpenSSL accepts, but cannot accept one
// that OpenSSL refuses. After a refusal it is not called again for that chain.
using PeerCheck =
    std::function<int(X509* certificate, int depth, int verdict, const core::Address& client)>;

// kForeign is the verdict on a chain that leads to no authority of ours and does not claim to: its
// last certificate names an issuer of another name. If PeerCheck returns kForeign, the certificate
// counts as none: the handshake goes on, TlsStream::Peer() stays nullptr, and IsForeign() is true.
inline constexpr int kForeign = -1;
bool IsForeign(const SSL* ssl);

// TlsFiles borrows its pointers; the context takes references of its own.
struct TlsFiles {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
    std::vector<X509*> chain;
    std::vector<X509*> authorities;  // empty: clients are asked for no certificate
    // Lists of revoked certificates. If there is at least one list, each authority of a client's
    // chain needs a valid list.
    std::vector<X509_CRL*> revocation_lists;
};

// MakeTlsContext makes a server's context:
//   * It requires TLS 1.3, or TLS 1.2 with ECDHE and AEAD.
//   * Keys and signatures must have at least 112 bits of security.
//   * A client that uses ALPN must offer http/1.1.
//   * Renegotiation and early data are not allowed.
//   * There are no tickets and no session cache, because a resumed session would skip the check for
//     revocation.
// If there are authorities, a client may present a certificate. That certificate must then verify
// and pass `check`.
// REQUIRES: `check` outlives the context.
core::Result<SslCtxPtr> MakeTlsContext(const TlsFiles& files, const PeerCheck& check);

}  // namespace pganalytics::http
