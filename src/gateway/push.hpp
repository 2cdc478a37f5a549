// Push: from a request with statistics to a frame for the worker, and back to a receipt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "gateway/log.hpp"
#include "gateway/receipt.hpp"
#include "gateway/worker_link.hpp"
#include "http/router.hpp"
#include "ingest/decode.hpp"

namespace pganalytics::gateway {

// PushKey is what a retry of the same push has in common with it.
struct PushKey {
    core::Uuid key;
    bool has_sequence = false;
    int64_t epoch = 0;
    int64_t sequence = 0;
};

// MakePushKey reads the Idempotency-Key header: "<epoch>:<sequence>", two integers of 64 bits, or
// up to 255 printable ASCII characters of the sender's choice. Without the header ("") the body as
// received is the key. Errors: 400.
core::Result<PushKey> MakePushKey(std::string_view idempotency_key, std::string_view body);

// BearerToken gives the token of an Authorization header (RFC 6750 section 2.1), "" if the header
// holds none.
std::string_view BearerToken(std::string_view authorization);

// CheckContent refuses bodies announced as something else than JSON, plain, gzip or zstd: 415.
core::Status CheckContent(std::string_view content_type, std::string_view content_encoding);

class PushService {
  public:
    PushService(WorkerLink& link, Log& log, uint64_t max_body_bytes, uint64_t seed)
        : link_(link), log_(log), max_body_bytes_(max_body_bytes), decoder_(seed) {}

    // Authorize asks the worker who holds the request's token and remembers a yes for the life of
    // the connection; the push's own transaction checks again. 401, 403, 503, or nothing.
    http::Task<std::optional<http::Response>> Authorize(http::Exchange& exchange);

    // Push answers POST /api/v1/metrics/push. REQUIRES: Authorize had nothing to say.
    http::Task<http::Response> Push(http::Exchange& exchange);

  private:
    core::Result<ingest::DecodedPush> Decode(http::Exchange& exchange);

    WorkerLink& link_;
    Log& log_;
    uint64_t max_body_bytes_;
    ingest::Decoder decoder_;
};

}  // namespace pganalytics::gateway
