// Inflate: decompresses a body, up to a limit of bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/buffer.hpp"
#include "core/result.hpp"

namespace pganalytics::ingest {

enum class Compression { kNone, kGzip, kZstd };

// DetectCompression looks at the first bytes of a body (RFC 1952, RFC 8878). It ignores
// Content-Encoding, because v3 collectors announce gzip and send plain JSON. No JSON text begins
// like gzip or zstd.
Compression DetectCompression(std::string_view body);

// AnnouncedSize is the size that `body` itself gives for its content, at most `limit`. It is a hint
// for the room that will be needed: the sender may have written any number, and zstd allows none.
size_t AnnouncedSize(Compression compression, std::string_view body, size_t limit);

// Inflate returns the content of all members or frames of `body`. Errors: 400 for damaged or
// truncated input, 413 for content of more than `limit` bytes.
core::Result<core::Buffer> Inflate(Compression compression, std::string_view body, size_t limit);

}  // namespace pganalytics::ingest
