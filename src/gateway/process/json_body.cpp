#include "gateway/process/json_body.hpp"

#include <cstring>
#include <utility>

#include "core/utf8.hpp"

namespace pganalytics::gateway {
namespace {

using core::Error;
using core::Result;

constexpr int kMaxMembers = 64;

// IsWhite returns whether RFC 8259 counts `c` as white space. cJSON counts more control characters.
bool IsWhite(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// HasControl returns whether the body has a control character that cJSON accepts although RFC 8259
// forbids it at its place. It also returns true for an escaped NUL, which would end the C string
// and hide the rest.
bool HasControl(std::string_view body) {
    bool in_string = false;
    for (size_t i = 0; i < body.size(); ++i) {
        const char c = body[i];
        if (in_string && c == '\\') {
            if (body.substr(i + 1).starts_with("u0000")) return true;
            ++i;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (static_cast<unsigned char>(c) < 0x20 && (in_string || !IsWhite(c))) {
            return true;
        }
    }
    return false;
}

bool HasTwice(const cJSON* object) {
    // Refuse more than kMaxMembers without comparing: an unknown client could send 10,000 members,
    // and comparing them all would take long. Valid requests have only a few.
    if (cJSON_GetArraySize(object) > kMaxMembers) return true;
    for (const cJSON* one = object->child; one != nullptr; one = one->next) {
        for (const cJSON* other = one->next; other != nullptr; other = other->next) {
            if (std::strcmp(one->string, other->string) == 0) return true;
        }
    }
    return false;
}

Error Bad(const char* name, const std::string& why) {
    return {std::string(name) + ": " + why, 422, name};
}

}  // namespace

Result<JsonBody> JsonBody::Parse(std::string_view body) {
    if (body.size() > kMaxSmallBodyBytes) {
        return Error{"the body is larger than " + std::to_string(kMaxSmallBodyBytes) + " bytes",
                     413};
    }
    const Error malformed{"the body is not a JSON object", 400};
    if (!core::IsValidUtf8(body) || HasControl(body)) return malformed;
    const std::string text(body);  // cJSON needs the final NUL
    const char* end = nullptr;
    JsonBody parsed;
    parsed.root_.reset(cJSON_ParseWithLengthOpts(text.data(), text.size() + 1, &end, 1));
    if (parsed.root_ == nullptr || !cJSON_IsObject(parsed.root_.get())) return malformed;
    if (HasTwice(parsed.root_.get()))
        return Error{"the body holds a key twice or too many keys", 400};
    return parsed;
}

Result<std::string> JsonBody::Text(const char* name, size_t max_bytes) const {
    auto text = OptionalText(name, max_bytes);
    if (text && text->empty()) return Bad(name, "is missing");
    return text;
}

Result<std::string> JsonBody::OptionalText(const char* name, size_t max_bytes) const {
    const cJSON* member = cJSON_GetObjectItemCaseSensitive(root_.get(), name);
    if (member == nullptr || cJSON_IsNull(member)) return std::string();
    if (!cJSON_IsString(member)) return Bad(name, "must be a string");
    std::string text(member->valuestring);
    if (text.size() > max_bytes) {
        return Bad(name, "must have at most " + std::to_string(max_bytes) + " bytes");
    }
    return text;
}

}  // namespace pganalytics::gateway
