#include "gateway/process/receipt.hpp"

#include <cjson/cJSON.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <new>

#include "core/text.hpp"
#include "http/problem.hpp"

namespace pganalytics::gateway {
namespace {

// What v3 collectors are told about their configuration: there is none to fetch.
constexpr int kConfigVersion = 1;
constexpr int kNextCheckSeconds = 300;

void AddCount(cJSON* object, const char* name, uint64_t count) {
    cJSON_AddNumberToObject(object, name, static_cast<double>(count));
}

std::string FormatLsn(uint64_t lsn) {
    char text[32];
    std::snprintf(text, sizeof(text), "%X/%X", static_cast<unsigned>(lsn >> 32),
                  static_cast<unsigned>(lsn));
    return text;
}

std::string Print(const cJSON* root) {
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(root),
                                                            &cJSON_free);
    if (text == nullptr) throw std::bad_alloc();
    return text.get();
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
    const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> root(cJSON_CreateObject(), &cJSON_Delete);
    cJSON_AddStringToObject(root.get(), "status", "success");
    cJSON_AddStringToObject(root.get(), "collector_id",
                            core::FormatUuid(facts.collector_id).c_str());
    AddCount(root.get(), "metrics_inserted", receipt.stored);
    AddCount(root.get(), "bytes_received", facts.body_bytes);
    const auto spent = std::chrono::steady_clock::now() - facts.begin;
    const auto spent_ms = std::chrono::duration_cast<std::chrono::milliseconds>(spent);
    cJSON_AddNumberToObject(root.get(), "processing_time_ms",
                            static_cast<double>(spent_ms.count()));
    cJSON_AddNumberToObject(root.get(), "next_config_version", kConfigVersion);
    cJSON_AddNumberToObject(root.get(), "next_check_in_seconds", kNextCheckSeconds);
    cJSON_AddBoolToObject(root.get(), "duplicate", receipt.duplicate != 0);
    if (facts.trust_version != 0) AddCount(root.get(), "trust_version", facts.trust_version);
    cJSON* rows = cJSON_AddObjectToObject(root.get(), "rows");
    AddCount(rows, "observed", receipt.observed);
    AddCount(rows, "stored", receipt.stored);
    AddCount(rows, "unchanged", receipt.unchanged);
    AddCount(rows, "merged", receipt.merged);
    cJSON* discarded = cJSON_AddObjectToObject(rows, "discarded");
    for (uint32_t i = 0; i < protocol::kDiscardReasons; ++i) {
        AddCount(discarded, std::string(protocol::kDiscardReasonNames[i]).c_str(),
                 receipt.discarded[i]);
    }
    cJSON_AddStringToObject(root.get(), "commit_lsn", FormatLsn(receipt.commit_lsn).c_str());
    cJSON* not_stored = facts.unstored.empty()
                            ? cJSON_CreateObject()
                            : cJSON_ParseWithLength(facts.unstored.data(), facts.unstored.size());
    cJSON_AddItemToObject(root.get(), "not_stored", not_stored);
    return http::JsonResponse(200, Print(root.get()));
}

http::Response TokenResponse(std::string_view token, int64_t expires_at) {
    const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> root(cJSON_CreateObject(), &cJSON_Delete);
    cJSON_AddStringToObject(root.get(), "token", std::string(token).c_str());
    cJSON_AddStringToObject(root.get(), "expires_at", FormatTime(expires_at).c_str());
    http::Response response = http::JsonResponse(200, Print(root.get()));
    response.secret = true;
    return response;
}

std::string FormatTime(int64_t unix_seconds) {
    const time_t seconds = unix_seconds;
    struct tm utc = {};
    char time[64] = {};
    if (gmtime_r(&seconds, &utc) != nullptr) {
        strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return time;
}

}  // namespace pganalytics::gateway
