// Receipt: the worker's answer to a push as HTTP.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/worker_link.hpp"
#include "http/response.hpp"

namespace pganalytics::gateway {

// PushFacts is what the receipt's document says beyond what the worker knows.
struct PushFacts {
    core::Uuid collector_id;
    uint64_t body_bytes = 0;
    int64_t processing_ms = 0;
    std::string unstored;  // as in protocol::Push
};

// ReceiptResponse: 200 with the counts, or a problem document with the worker's status.
http::Response ReceiptResponse(const ReceiptAnswer& answer, const PushFacts& facts);

}  // namespace pganalytics::gateway
