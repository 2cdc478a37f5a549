// Limits: how many descriptors and how much memory a gateway may have.
#pragma once

#include <cstdint>

namespace pganalytics::gateway {

// UseAllDescriptors raises the limit of open descriptors to what the hard limit allows.
void UseAllDescriptors();

// KeepBuffers lets malloc keep the pages of buffers of pushes, which live for milliseconds.
void KeepBuffers();

// LimitMemory bounds the address space by what `max_body_bytes` and `max_connections` can need at
// worst.
void LimitMemory(uint64_t max_body_bytes, uint32_t max_connections);

}  // namespace pganalytics::gateway
