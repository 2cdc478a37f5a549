// Inflate: a compressed body back to its bytes, never to more of them than allowed.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/buffer.hpp"
#include "core/result.hpp"

namespace pganalytics::ingest {

enum class Compression { kNone, kGzip, kZstd };

// DetectCompression looks at the first bytes of a body (RFC 1952, RFC 8878). No JSON text begins
// like either format, and what a sender's header claims is not always so: v3 collectors say gzip
// over plain JSON.
Compression DetectCompression(std::string_view body);

// Inflate gives the whole content of all members or frames of `body`.
// Errors: 400 for damaged or cut input, 413 for content of more than `limit` bytes.
core::Result<core::Buffer> Inflate(Compression compression, std::string_view body, size_t limit);

}  // namespace pganalytics::ingest
