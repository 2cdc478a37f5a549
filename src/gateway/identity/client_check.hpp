// Client check: what a client's certificate must satisfy during the handshake, in addition to what
// OpenSSL has verified.
#pragma once

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::gateway {

// MakeClientCheck returns the function that checks client certificates. Each certificate of the
// chain must have a strong key. The client's own certificate must be one for clients
// (pki::CheckClient) and must not be revoked. On the collectors' port it must also name a collector
// (pki::CollectorOf). The function logs why it refuses a certificate, at most once a minute.
//
// On the collectors' port, unless certificates are required, a certificate that does not claim to
// be ours counts as none: a v3 collector shows the one of its old server when it registers. The
// Authorizer refuses it wherever an identity is needed. The log names the host, at most once a
// minute. REQUIRES: all arguments outlive the function.
http::PeerCheck MakeClientCheck(const protocol::GatewayConfig& config,
                                const IdentityState& identity, Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
