// Client check: what a client's certificate must satisfy during the handshake, in addition to what
// OpenSSL has verified.
#pragma once

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::gateway {

// MakeClientCheck returns the check. The check requires strong keys in the whole chain. The
// client's own certificate must not be revoked and must be one for clients (pki::CheckClient). On
// the collectors' port it must also name a collector (pki::CollectorOf). The check logs why it
// refuses a certificate, at most once a minute.
// REQUIRES: all arguments outlive the check; `role` is set before the first handshake.
http::PeerCheck MakeClientCheck(const protocol::GatewayRole& role, const IdentityState& identity,
                                Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
