// Receipt: answers to collectors as JSON documents.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "gateway/process/worker_link.hpp"
#include "http/response.hpp"

namespace pganalytics::gateway {

// PushFacts is what the receipt's document says beyond what the worker knows.
struct PushFacts {
    core::Uuid collector_id;
    uint64_t body_bytes = 0;
    std::chrono::steady_clock::time_point begin;  // when its head was read
    std::string unstored;                         // as in protocol::Push
    uint64_t trust_version = 0;                   // of the trust document, 0 = there is none
};

// ReceiptResponse: 200 with the counts, or a problem document with the worker's status.
http::Response ReceiptResponse(const protocol::Receipt& receipt, const PushFacts& facts);

// TokenResponse gives a token, and when it ends as FormatTime: {"token", "expires_at"}.
http::Response TokenResponse(std::string_view token, int64_t expires_at);

// FormatTime writes Unix time in seconds as RFC 3339 in UTC.
std::string FormatTime(int64_t unix_seconds);

}  // namespace pganalytics::gateway
