// Client check: what a client's certificate must satisfy, during the handshake, beyond what OpenSSL
// has verified.
#pragma once

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::gateway {

// MakeClientCheck gives the check: strong keys in the whole chain, a client's purpose
// (pki::CheckClient), a collector's name on the collectors' port (pki::CollectorOf), not revoked.
// It logs why a certificate is refused, at most once a minute. REQUIRES: all arguments outlive the
// check; `role` is set before the first handshake.
http::PeerCheck MakeClientCheck(const protocol::GatewayRole& role, const IdentityState& identity,
                                Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
