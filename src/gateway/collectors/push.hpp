// Push: turns a request with statistics into a frame for the worker, and the worker's receipt into
// an answer. Health reports what became of a collector's pushes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "gateway/collectors/prepare.hpp"
#include "gateway/collectors/side_thread.hpp"
#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/receipt.hpp"
#include "gateway/process/refusals.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// CheckContent returns 415 unless the headers say that the body is JSON, uncompressed or compressed
// with gzip or zstd. A missing Content-Type ("") counts as JSON.
core::Status CheckContent(std::string_view content_type, std::string_view content_encoding);

class PushService {
  public:
    // All references but `config` must outlive the service. `seed` seeds the decoders.
    PushService(WorkerLink& link, Log& log, SideThread& side, const IdentityState& identity,
                Refusals& refusals, const protocol::GatewayConfig& config, uint64_t seed)
        : link_(link),
          log_(log),
          side_(side),
          identity_(identity),
          refusals_(refusals),
          max_body_bytes_(config.max_body_bytes),
          decoder_(seed, config.query_text_bytes),
          large_decoder_(seed, config.query_text_bytes) {}

    // Push answers POST /api/v1/metrics/push. Health answers GET /api/v1/metrics/health. REQUIRES:
    // Authorize has admitted the request.
    http::Task<http::Response> Push(http::Exchange& exchange);
    http::Task<http::Response> Health(http::Exchange& exchange);

  private:
    http::Task<core::Result<PreparedPush>> Prepare(const PushSender& sender, core::Buffer& body);
    http::Task<http::Response> Store(http::Exchange& exchange, const PushFacts& facts,
                                     std::string frame);
    http::Task<std::optional<http::Response>> ReadBody(http::Exchange& exchange);
    http::Response NoRoom();
    void LogMemory();

    WorkerLink& link_;
    Log& log_;
    SideThread& side_;
    const IdentityState& identity_;
    Refusals& refusals_;
    uint64_t max_body_bytes_;
    ingest::Decoder decoder_;
    ingest::Decoder large_decoder_;  // used on the side thread
};

}  // namespace pganalytics::gateway
