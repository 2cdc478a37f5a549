// API inputs: the parameters and body fields of the port for people: name, type, range, default.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pganalytics::protocol {

// InputType says how a value is parsed. kTime: RFC 3339, or a date. kDocument: a JSON array or
// object, in a body only.
enum class InputType : uint8_t { kText, kInteger, kNumber, kFlag, kTime, kChoice, kDocument };

constexpr std::string_view NameOf(InputType type) {
    constexpr std::string_view kNames[] = {"text", "integer", "number",  "flag",
                                           "time", "choice",  "document"};
    return kNames[static_cast<size_t>(type)];
}

struct ApiInput {
    const char* name;
    // Limits of the value of a kInteger or kNumber, or of the length in bytes of a kText or
    // kDocument. If both are 0, there are no limits.
    int64_t least = 0;
    int64_t most = 0;
    const char* choices = nullptr;    // the values of a kChoice, separated by "|"
    const char* otherwise = nullptr;  // the default of a missing parameter; nullptr: none
    const char* unit = nullptr;       // such as "minutes"
    InputType type = InputType::kText;
    bool required = false;  // a body must have this field
};

// kMaxApiInputs limits the inputs of one route.
inline constexpr size_t kMaxApiInputs = 16;

constexpr ApiInput Text(const char* name, int64_t most_bytes = 0) {
    return {.name = name, .least = most_bytes == 0 ? 0 : 1, .most = most_bytes};
}
constexpr ApiInput Integer(const char* name, int64_t least, int64_t most,
                           const char* otherwise = nullptr) {
    return {.name = name,
            .least = least,
            .most = most,
            .otherwise = otherwise,
            .type = InputType::kInteger};
}
constexpr ApiInput Number(const char* name) { return {.name = name, .type = InputType::kNumber}; }
constexpr ApiInput Flag(const char* name) { return {.name = name, .type = InputType::kFlag}; }
constexpr ApiInput Time(const char* name) { return {.name = name, .type = InputType::kTime}; }
constexpr ApiInput Choice(const char* name, const char* choices, const char* otherwise = nullptr) {
    return {.name = name, .choices = choices, .otherwise = otherwise, .type = InputType::kChoice};
}
constexpr ApiInput Document(const char* name, int64_t most_bytes) {
    return {.name = name, .least = 1, .most = most_bytes, .type = InputType::kDocument};
}
constexpr ApiInput Minutes(const char* name) {
    ApiInput input = Integer(name, 1, 366 * 24 * 60);
    input.unit = "minutes";
    return input;
}
constexpr ApiInput Seconds(const char* name, int64_t least, int64_t most) {
    return {
        .name = name, .least = least, .most = most, .unit = "seconds", .type = InputType::kNumber};
}
constexpr ApiInput Required(ApiInput input) {
    input.required = true;
    return input;
}

inline constexpr std::span<const ApiInput> kNoInputs;

// kMaxSecretBytes is the length of the longest password that PostgreSQL's own clients accept.
inline constexpr int64_t kMaxSecretBytes = 1024;
inline constexpr int64_t kMaxRoleNameBytes = 63;
inline constexpr int64_t kMaxRemarkBytes = 4096;
inline constexpr int64_t kMaxDocumentBytes = 32768;
inline constexpr int64_t kMaxUrlBytes = 2048;
// kMaxId limits the ids in requests, so that arithmetic with an id cannot overflow. Real ids come
// from sequences and stay far below this limit.
inline constexpr int64_t kMaxId = INT64_MAX / 20;

inline constexpr ApiInput kPage = Integer("page", 1, 1000000, "1");
inline constexpr ApiInput kPageSize = Integer("page_size", 1, 1000, "100");
inline constexpr ApiInput kAlertSeverity = Choice("severity", "info|warning|critical");

inline constexpr ApiInput kPageParameters[] = {kPage, kPageSize};
inline constexpr ApiInput kAuditLogParameters[] = {Text("user_id"),
                                                   Text("action"),
                                                   Text("resource_type"),
                                                   Text("resource_id"),
                                                   Time("start_date"),
                                                   Time("end_date"),
                                                   Choice("severity", "INFO|WARN|ERROR"),
                                                   Integer("limit", 1, 1000, "100"),
                                                   Integer("offset", 0, 1000000000, "0"),
                                                   Integer("before", 0, kMaxId),
                                                   Choice("format", "json|csv", "json")};
// The state "active" means pending or firing.
inline constexpr ApiInput kAlertParameters[] = {Choice("state", "pending|firing|resolved|active"),
                                                kAlertSeverity,
                                                Text("rule"),
                                                Flag("acknowledged"),
                                                Flag("muted"),
                                                kPage,
                                                kPageSize};
inline constexpr ApiInput kSilenceParameters[] = {Choice("state", "pending|active|expired"), kPage,
                                                  kPageSize};

inline constexpr ApiInput kLoginBody[] = {Required(Text("username", kMaxSecretBytes)),
                                          Required(Text("password", kMaxSecretBytes))};
inline constexpr ApiInput kRefreshBody[] = {Required(Text("refresh_token", kMaxSecretBytes))};
inline constexpr ApiInput kPasswordBody[] = {Required(Text("old_password", kMaxSecretBytes)),
                                             Required(Text("new_password", kMaxSecretBytes))};
inline constexpr ApiInput kEndSessionsBody[] = {Required(Text("username", kMaxRoleNameBytes))};
inline constexpr ApiInput kAcknowledgeBody[] = {Text("comment", kMaxRemarkBytes)};
inline constexpr ApiInput kSilenceAlertBody[] = {Required(Minutes("duration")),
                                                 Required(Text("reason", kMaxRemarkBytes))};
inline constexpr ApiInput kSilenceBody[] = {
    Required(Document("matchers", kMaxDocumentBytes)), Required(Text("reason", kMaxRemarkBytes)),
    Minutes("duration"), Time("starts_at"), Time("ends_at")};
inline constexpr ApiInput kRuleBody[] = {Number("threshold"),
                                         Flag("enabled"),
                                         kAlertSeverity,
                                         Seconds("pending_for", 0, 7 * 24 * 60 * 60),
                                         Seconds("evaluate_every", 1, 24 * 60 * 60),
                                         Document("annotations", kMaxDocumentBytes),
                                         Text("runbook_url", kMaxUrlBytes),
                                         Text("query", kMaxDocumentBytes)};

// HaveSoundNames returns whether a route has at most kMaxApiInputs inputs, and no two inputs in
// query and body have the same name.
constexpr bool HaveSoundNames(std::span<const ApiInput> parameters,
                              std::span<const ApiInput> body) {
    const size_t count = parameters.size() + body.size();
    const auto name = [&](size_t i) -> std::string_view {
        return i < parameters.size() ? parameters[i].name : body[i - parameters.size()].name;
    };
    for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (name(i) == name(j)) return false;
        }
    }
    return count <= kMaxApiInputs;
}

// AllowsNoBody returns whether a request may omit the body, because all its fields are optional.
constexpr bool AllowsNoBody(std::span<const ApiInput> body) {
    for (const ApiInput& field : body) {
        if (field.required) return false;
    }
    return true;
}

}  // namespace pganalytics::protocol
