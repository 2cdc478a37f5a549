// Process: what the gateway changes about itself before it reads anything.
#pragma once

#include <cstdint>

namespace pganalytics::gateway {

// PrepareProcess makes the process one that may die: it goes with its parent, goes first when
// memory is short, leaves no core file, ignores SIGPIPE, may use all descriptors its hard limit
// allows, and knows its time zone (OpenSSL reads it at the first client certificate, when the
// sandbox is closed). Best effort: what the system refuses is left as it is.
void PrepareProcess();

// LimitMemory bounds the address space by what `max_body_bytes` and `max_connections` can need at
// worst. No effect under sanitizers, whose shadow is larger than any bound.
void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections);

}  // namespace pganalytics::gateway
