#include "gateway/process/receipt.hpp"

#include <cstdio>

#include "core/json_writer.hpp"
#include "core/text.hpp"
#include "http/problem.hpp"

namespace pganalytics::gateway {
namespace {

// v3 collectors expect these values about their configuration. The server has no configuration for
// them, so the values never change.
constexpr int kConfigVersion = 1;
constexpr int kNextCheckSeconds = 300;

void Count(core::JsonWriter* json, std::string_view name, uint64_t count) {
    json->Member(name, static_cast<int64_t>(count));
}

std::string FormatLsn(uint64_t lsn) {
    char text[32];
    std::snprintf(text, sizeof(text), "%X/%X", static_cast<unsigned>(lsn >> 32),
                  static_cast<unsigned>(lsn));
    return text;
}

http::Response Refusal(const protocol::Receipt& receipt) {
    http::ProblemDetails problem;
    problem.status = static_cast<int>(receipt.status);
    problem.detail = receipt.message.empty() ? "nothing of the push was stored" : receipt.message;
    if (!receipt.detail.empty()) problem.detail += ": " + std::string(receipt.detail);
    problem.sqlstate = receipt.sqlstate.data();
    problem.retry_after_s = receipt.retry_after_s;
    return http::Problem(problem);
}

}  // namespace

http::Response ReceiptResponse(const protocol::Receipt& receipt, const PushFacts& facts) {
    if (receipt.status != 200) return Refusal(receipt);
    core::JsonWriter json;
    json.BeginObject();
    json.Member("status", "success");
    json.Member("collector_id", core::FormatUuid(facts.collector_id));
    Count(&json, "metrics_inserted", receipt.stored);
    Count(&json, "bytes_received", facts.body_bytes);
    const auto spent = std::chrono::steady_clock::now() - facts.begin;
    json.Member("processing_time_ms",
                std::chrono::duration_cast<std::chrono::milliseconds>(spent).count());
    json.Member("next_config_version", kConfigVersion);
    json.Member("next_check_in_seconds", kNextCheckSeconds);
    json.Member("duplicate", receipt.duplicate != 0);
    if (facts.trust_version != 0) Count(&json, "trust_version", facts.trust_version);
    json.Key("rows");
    json.BeginObject();
    Count(&json, "observed", receipt.observed);
    Count(&json, "stored", receipt.stored);
    Count(&json, "unchanged", receipt.unchanged);
    Count(&json, "merged", receipt.merged);
    json.Key("discarded");
    json.BeginObject();
    for (uint32_t i = 0; i < protocol::kDiscardReasons; ++i) {
        Count(&json, protocol::kDiscardReasonNames[i], receipt.discarded[i]);
    }
    json.EndObject();
    json.EndObject();
    json.Member("commit_lsn", FormatLsn(receipt.commit_lsn));
    json.Key("not_stored");
    json.Document(facts.unstored.empty() ? "{}" : facts.unstored);
    json.EndObject();
    return http::JsonResponse(200, json.text());
}

http::Response TokenResponse(std::string_view token, int64_t expires_at) {
    core::JsonWriter json;
    json.BeginObject();
    json.Member("token", token);
    json.Member("expires_at", FormatTime(expires_at));
    json.EndObject();
    http::Response response = http::JsonResponse(200, json.text());
    response.secret = true;
    return response;
}

std::string FormatTime(int64_t unix_seconds) {
    return core::FormatTimestamp(core::MicrosOfUnix(unix_seconds));
}

}  // namespace pganalytics::gateway
