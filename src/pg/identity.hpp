// Identity: what gateways must know of keys and certificates, read from the tables.
#pragma once

#include "pg/prelude.hpp"
#include "protocol/messages.hpp"

namespace pganalytics::pg {

// ReadIdentity fills an Identity frame; its strings live in `context`. nullptr, or why the tables
// could not be read. REQUIRES: no transaction in progress; a role that may read token_keys,
// certificates, revocation_lists and trust.
ErrorData* ReadIdentity(MemoryContext context, protocol::Identity* out);

}  // namespace pganalytics::pg
