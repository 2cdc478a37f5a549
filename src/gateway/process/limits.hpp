// Limits: how many descriptors and how much memory a gateway may have.
#pragma once

#include <cstdint>

#include "core/result.hpp"

namespace pganalytics::gateway {

// CheckDescriptors returns an error that names both figures if the limit of open descriptors is too
// low for `max_connections` connections. The worker has raised it to the hard limit.
core::Status CheckDescriptors(uint32_t max_connections);

// KeepBuffers makes malloc keep the pages of a freed push buffer for the next one: a buffer lives
// only for milliseconds.
void KeepBuffers();

// LimitMemory limits the address space of the process to the most that it can need for bodies of
// `max_body_bytes` and for `max_connections` connections.
void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections);

}  // namespace pganalytics::gateway
