// Receipt: answers to collectors as JSON documents.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "gateway/process/worker_link.hpp"
#include "http/response.hpp"

namespace pganalytics::gateway {

// PushFacts are the values that the answer to a push contains besides the worker's receipt.
struct PushFacts {
    core::Uuid collector_id;
    uint64_t body_bytes = 0;
    std::chrono::steady_clock::time_point begin;  // when the request's head was read
    std::string unstored;                         // as in protocol::Push
    uint64_t trust_version = 0;                   // of the trust document; 0: there is none
};

// ReceiptResponse makes the answer to a push: 200 with the counts, or a problem document with the
// worker's status.
http::Response ReceiptResponse(const protocol::Receipt& receipt, const PushFacts& facts);

// TokenResponse makes the answer {"token", "expires_at"}. It writes the expiry with FormatTime.
http::Response TokenResponse(std::string_view token, int64_t expires_at);

// FormatTime writes Unix time in seconds as RFC 3339 in UTC.
std::string FormatTime(int64_t unix_seconds);

}  // namespace pganalytics::gateway
