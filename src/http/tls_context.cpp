#include "http/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <exception>
#include <string>

namespace pganalytics::http {
namespace {

constexpr unsigned char kHttp11[] = "\x08http/1.1";
constexpr int kSecurityLevel = 2;
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// SelectAlpn chooses http/1.1 from the client's list. If the list does not have it, the handshake
// ends (RFC 7301 section 3.2).
int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_len, const unsigned char* in,
               unsigned int in_len, void*) {
    unsigned char* selected = nullptr;
    if (SSL_select_next_proto(&selected, out_len, kHttp11, sizeof(kHttp11) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

// The index of the mark that a connection gets if its client's certificate is foreign.
int ForeignIndex() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

// LeadsToNobody: OpenSSL found no way from the certificate to one of our authorities. It looks for
// that before anything else.
bool LeadsToNobody(int verdict) {
    return verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
}

// NamesAuthority: the issuer has the name of one of our authorities.
bool NamesAuthority(const SSL* ssl, const X509* certificate) {
    const STACK_OF(X509_NAME)* names = SSL_CTX_get_client_CA_list(SSL_get_SSL_CTX(ssl));
    for (int i = 0; i < sk_X509_NAME_num(names); ++i) {
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), X509_get_issuer_name(certificate)) == 0) {
            return true;
        }
    }
    return false;
}

// VerifyClient passes each certificate of a client's chain to the context's PeerCheck.
int VerifyClient(int verified, X509_STORE_CTX* store) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    if (IsForeign(ssl)) return 1;
    const auto* check = static_cast<const PeerCheck*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto* client = static_cast<const core::Address*>(SSL_get_app_data(ssl));
    const int depth = X509_STORE_CTX_get_error_depth(store);
    X509* const certificate = X509_STORE_CTX_get_current_cert(store);
    int verdict = verified == 1 ? X509_V_OK : X509_STORE_CTX_get_error(store);
    const bool foreign = LeadsToNobody(verdict) && !NamesAuthority(ssl, certificate);
    if (foreign) verdict = kForeign;
    try {
        verdict = (*check)(certificate, depth, verdict, *client);
    } catch (const std::exception&) {
        // No exception may pass through OpenSSL.
        verdict = X509_V_ERR_OUT_OF_MEM;
    }
    if (foreign && verdict == kForeign) return SSL_set_ex_data(ssl, ForeignIndex(), ssl);
    if (verified != 1) return 0;
    if (verdict == X509_V_OK) return 1;
    X509_STORE_CTX_set_error(store, verdict);
    return 0;
}

core::Error TlsError(const char* what) {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return {std::string(what) + ": " + (reason != nullptr ? reason : "unknown error")};
}

}  // namespace

bool IsForeign(const SSL* ssl) { return SSL_get_ex_data(ssl, ForeignIndex()) != nullptr; }

core::Result<SslCtxPtr> MakeTlsContext(const TlsFiles& files, const PeerCheck& check) {
    SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* ctx = context.get();
    if (ctx == nullptr) return TlsError("could not make a TLS context");
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Require OpenSSL's security level 2 (RSA of at least 2048 bits, SHA-2), whatever the system's
    // openssl.cnf says.
    SSL_CTX_set_security_level(ctx, kSecurityLevel);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_alpn_select_cb(ctx, &SelectAlpn, nullptr);
    // Limit the size of a client's chain: a longer chain could only be meant to keep the server
    // busy.
    SSL_CTX_set_max_cert_list(ctx, 64 << 10);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 || SSL_CTX_set_cipher_list(ctx, kSuites12) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1) {
        return TlsError("could not set up TLS");
    }
    if (SSL_CTX_use_certificate(ctx, files.certificate) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, files.key) != 1) {
        return TlsError("TLS does not take the certificate or its key");
    }
    for (X509* certificate : files.chain) {
        if (SSL_CTX_add1_chain_cert(ctx, certificate) != 1) {
            return TlsError("TLS does not take the certificate's chain");
        }
    }
    if (files.authorities.empty()) return context;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, &VerifyClient);
    // The cast is needed because OpenSSL stores only a pointer to non-const. Nobody writes through
    // it.
    SSL_CTX_set_app_data(ctx, const_cast<PeerCheck*>(&check));
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    for (X509* authority : files.authorities) {
        if (X509_STORE_add_cert(store, authority) != 1 ||
            SSL_CTX_add_client_CA(ctx, authority) != 1) {
            return TlsError("TLS does not take a certificate authority");
        }
    }
    for (X509_CRL* list : files.revocation_lists) {
        if (X509_STORE_add_crl(store, list) != 1) {
            return TlsError("TLS does not take a certificate revocation list");
        }
    }
    if (!files.revocation_lists.empty()) {
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    return context;
}

}  // namespace pganalytics::http
