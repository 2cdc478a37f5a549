// Reads receipts and problem documents.
#include "collector/push/answer.hpp"

#include <cJSON.h>

#include <memory>

#include "collector/life/clock_skew.hpp"
#include "core/utf8.hpp"

namespace pganalytics::collector {
namespace {

constexpr size_t kMaxQuotedBytes = 300;

using Json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

Json Parse(const std::string& text) {
    return {cJSON_ParseWithLength(text.data(), text.size()), &cJSON_Delete};
}

std::string Member(const cJSON* object, const char* name) {
    const char* value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value == nullptr ? "" : std::string(core::CutUtf8(value, kMaxQuotedBytes));
}

}  // namespace

Verdict Judge(int status) {
    switch (status) {
        case 200:
            return Verdict::kStored;
        case 400:
        case 401:
        case 409:
        case 413:
        case 415:
        case 422:
            return Verdict::kRefused;
        case 403:
            return Verdict::kDenied;
        default:
            return Verdict::kRetry;
    }
}

std::string Describe(const Answer& answer) {
    if (answer.status == 0) return answer.error;
    std::string text = "HTTP status " + std::to_string(answer.status);
    const Json problem = Parse(answer.body);
    if (!problem) {
        if (answer.body.empty()) return text;
        text += ": ";
        text += core::CutUtf8(answer.body, kMaxQuotedBytes);
        return text;
    }
    std::string title = Member(problem.get(), "title");
    if (title.empty()) title = Member(problem.get(), "message");
    const std::string detail = Member(problem.get(), "detail");
    if (!title.empty()) text += ": " + title;
    if (!detail.empty() && detail != title) text += ": " + detail;
    return text;
}

std::string Advice(const Answer& answer) {
    constexpr const char* kSender =
        "; if its certificate has expired or was revoked, enrol this collector again with a new "
        "token: pganalytics-collector enroll; if its token was rotated, write the new one to its "
        "token_file";
    constexpr const char* kRightPort =
        " Collectors enrol and push at pganalytics.port, 8443 unless configured";
    if (answer.status == 403) return kSender;
    if (answer.status == 404) {
        return std::string("; is this the port for people (pganalytics.api_port, 8444)?") +
               kRightPort;
    }
    if (answer.status != 0) return "";
    switch (answer.why) {
        case NoAnswer::kOther:
            return "";
        case NoAnswer::kServerUnverified:
            return "; the server is not verified, nothing was sent to it: pganalytics-collector "
                   "check says by what it should be";
        case NoAnswer::kServerOutOfTime:
            return std::string("; is a clock wrong? ") + kClockRemedy;
        case NoAnswer::kSenderRefused:
            return kSender;
        case NoAnswer::kClosedAtOnce:
            return std::string(
                       "; the connection was closed before a word was said: this is not a "
                       "pganalytics port; is it PostgreSQL's own?") +
                   kRightPort;
        case NoAnswer::kNoTls:
            return std::string(
                       "; what answers speaks no TLS: this is not a pganalytics port; is "
                       "it one for plain HTTP?") +
                   kRightPort;
        case NoAnswer::kOtherProtocol:
            return std::string(
                       "; what answers speaks no HTTP: this is not a pganalytics port; is "
                       "it PostgreSQL's own?") +
                   kRightPort;
    }
    return "";
}

std::optional<uint64_t> TrustVersion(const Answer& answer) {
    const Json receipt = Parse(answer.body);
    const cJSON* version = cJSON_GetObjectItemCaseSensitive(receipt.get(), "trust_version");
    if (!cJSON_IsNumber(version) || version->valuedouble < 0 || version->valuedouble > 9e15) {
        return std::nullopt;
    }
    return static_cast<uint64_t>(version->valuedouble);
}

std::string Discarded(const Answer& answer) {
    const Json receipt = Parse(answer.body);
    const cJSON* rows = cJSON_GetObjectItemCaseSensitive(receipt.get(), "rows");
    const cJSON* discarded = cJSON_GetObjectItemCaseSensitive(rows, "discarded");
    std::string text;
    const cJSON* reason = nullptr;
    cJSON_ArrayForEach(reason, discarded) {
        const double count = cJSON_IsNumber(reason) ? reason->valuedouble : 0;
        if (!(count >= 1 && count < 1e15) || reason->string == nullptr) continue;
        if (!text.empty()) text += ", ";
        text += std::string(reason->string) + ' ' + std::to_string(static_cast<uint64_t>(count));
    }
    return std::string(core::CutUtf8(text, kMaxQuotedBytes));
}

}  // namespace pganalytics::collector
