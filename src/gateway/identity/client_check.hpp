// Client check: what a client's certificate must be beyond what OpenSSL has verified, decided in
// the handshake.
#pragma once

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::gateway {

// MakeClientCheck gives the check: strong keys in the whole chain, a client's purpose
// (pki::CheckClient), on the collectors' port a collector's name (pki::CollectorOf), not revoked.
// Why one is refused is in the log, at most once a minute. REQUIRES: all outlive it; *role is set
// before the first handshake.
http::PeerCheck MakeClientCheck(const protocol::GatewayRole& role, const IdentityState& identity,
                                Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
