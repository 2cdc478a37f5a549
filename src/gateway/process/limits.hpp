// Limits: how many descriptors and how much memory a gateway may have.
#pragma once

#include <cstdint>

namespace pganalytics::gateway {

// UseAllDescriptors raises the limit of open descriptors to the hard limit.
void UseAllDescriptors();

// KeepBuffers makes malloc keep the pages of a freed push buffer for the next one: a buffer lives
// only for milliseconds.
void KeepBuffers();

// LimitMemory limits the address space to what `max_body_bytes` and `max_connections` need at
// worst.
void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections);

}  // namespace pganalytics::gateway
