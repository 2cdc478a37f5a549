// Identity: reads from the tables what gateways must know about keys and certificates.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ReadIdentity fills an Identity frame for gateways of this role; its strings live in `context`.
// Gateways for people get only the token keys and the revoked certificates. Returns nullptr, or the
// error if the tables could not be read. REQUIRES: no transaction in progress; a role that may read
// token_keys and certificates, and for collectors revocation_lists and trust.
ErrorData* ReadIdentity(protocol::GatewayRole role, MemoryContext context, protocol::Identity* out);

}  // namespace pganalytics::pg
