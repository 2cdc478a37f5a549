// Identity: what gateways must know of keys and certificates, read from the tables.
#pragma once

#include "pg/base/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ReadIdentity fills an Identity frame for gateways of this role; its strings live in `context`.
// People show no certificates, so their gateways get the keys of tokens alone. nullptr, or why the
// tables could not be read. REQUIRES: no transaction in progress; a role that may read token_keys,
// and for collectors certificates, revocation_lists and trust.
ErrorData* ReadIdentity(protocol::GatewayRole role, MemoryContext context, protocol::Identity* out);

}  // namespace pganalytics::pg
