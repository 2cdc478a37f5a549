// Identity: reads from the tables what gateways must know about keys and certificates.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ReadIdentity fills an Identity frame for gateways of a role. Its strings live in `context`. With
// kApi it sets only the version, the token keys and the revoked certificates. If the tables cannot
// be read, it returns the error, otherwise nullptr.
// REQUIRES: no transaction in progress. The current role may read token_keys and certificates; for
// kCollectors, also revocation_lists and trust.
ErrorData* ReadIdentity(protocol::GatewayRole role, MemoryContext context, protocol::Identity* out);

}  // namespace pganalytics::pg
