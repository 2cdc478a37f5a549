#include "ingest/json/json.hpp"

#include <cstring>

#include "core/hex.hpp"

namespace pganalytics::ingest {
namespace {

namespace od = simdjson::ondemand;

constexpr size_t kMaxNumberLength = 1000;

// Hex4 reads the four hex digits of \uXXXX at `at`; -1 if they are not there.
int Hex4(std::string_view bytes, size_t at) {
    if (at + 4 > bytes.size()) return -1;
    int value = 0;
    for (size_t i = at; i < at + 4; ++i) {
        const int digit = core::HexDigit(bytes[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

void AppendUtf8(uint32_t code, std::string* out) {
    auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

// AppendUnicode reads what follows "\u" at *at, including the second half of a surrogate pair, and
// moves *at past it.
bool AppendUnicode(std::string_view bytes, size_t* at, std::string* out) {
    const int unit = Hex4(bytes, *at);
    if (unit < 0) return false;
    *at += 4;
    auto code = static_cast<uint32_t>(unit);
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (bytes.substr(*at, 2) != "\\u") return false;
        const int low = Hex4(bytes, *at + 2);
        if (low < 0xDC00 || low > 0xDFFF) return false;
        *at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<uint32_t>(low) - 0xDC00);
    }
    AppendUtf8(code, out);
    return true;
}

// SimpleEscape is the character of a two-character escape, 0 if there is no such escape.
char SimpleEscape(char c) {
    switch (c) {
        case '"':
        case '\\':
        case '/':
            return c;
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return 0;
    }
}

JsonStatus CheckString(const char* raw, std::string* scratch) {
    std::string_view value;
    return Unescape(FindString(raw), scratch, &value) ? JsonStatus::kOk : JsonStatus::kMalformed;
}

JsonStatus ValidateObject(od::object object, int depth, std::string* scratch) {
    for (auto item : object) {
        od::field field;
        if (std::move(item).get(field) != simdjson::SUCCESS) return JsonStatus::kMalformed;
        const JsonStatus key = CheckString(field.key().raw(), scratch);
        if (key != JsonStatus::kOk) return key;
        const JsonStatus status = Validate(field.value(), depth, scratch);
        if (status != JsonStatus::kOk) return status;
    }
    return JsonStatus::kOk;
}

JsonStatus ValidateArray(od::array array, int depth, std::string* scratch) {
    for (auto item : array) {
        od::value value;
        if (std::move(item).get(value) != simdjson::SUCCESS) return JsonStatus::kMalformed;
        const JsonStatus status = Validate(value, depth, scratch);
        if (status != JsonStatus::kOk) return status;
    }
    return JsonStatus::kOk;
}

}  // namespace

RawString FindString(const char* raw) {
    const char* end = raw;
    while (true) {
        // Stage 1 of simdjson has checked that the string is closed, so the search finds a quote.
        end = static_cast<const char*>(rawmemchr(end, '"'));
        const char* before = end;
        while (before > raw && before[-1] == '\\') --before;
        if ((end - before) % 2 == 0) break;
        ++end;
    }
    const auto size = static_cast<size_t>(end - raw);
    return {{raw, size}, std::memchr(raw, '\\', size) != nullptr};
}

bool Unescape(const RawString& raw, std::string* scratch, std::string_view* value) {
    if (!raw.escaped) {
        *value = raw.bytes;
        return true;
    }
    scratch->clear();
    size_t at = 0;
    while (at < raw.bytes.size()) {
        const size_t backslash = raw.bytes.find('\\', at);
        scratch->append(raw.bytes.substr(at, backslash - at));
        if (backslash == std::string_view::npos) break;
        at = backslash + 1;
        const char kind = raw.bytes[at++];
        if (kind == 'u') {
            if (!AppendUnicode(raw.bytes, &at, scratch)) return false;
        } else if (const char c = SimpleEscape(kind); c != 0) {
            scratch->push_back(c);
        } else {
            return false;
        }
    }
    *value = *scratch;
    return true;
}

bool IsJsonNumber(std::string_view token) {
    if (token.size() > kMaxNumberLength) return false;
    size_t at = 0;
    auto digits = [&token, &at] {
        const size_t first = at;
        while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
        return at - first;
    };
    if (at < token.size() && token[at] == '-') ++at;
    const bool leading_zero = at < token.size() && token[at] == '0';
    const size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) return false;
    if (at < token.size() && token[at] == '.') {
        ++at;
        if (digits() == 0) return false;
    }
    if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
        ++at;
        if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
        if (digits() == 0) return false;
    }
    return at == token.size();
}

std::string_view ScalarToken(std::string_view token) {
    const size_t last = token.find_last_not_of(" \t\r\n");
    return last == std::string_view::npos ? std::string_view{} : token.substr(0, last + 1);
}

bool CheckScalar(std::string_view token) {
    return token == "true" || token == "false" || token == "null" || IsJsonNumber(token);
}

JsonStatus Validate(od::value value, int depth, std::string* scratch) {
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return JsonStatus::kMalformed;
    switch (type) {
        case od::json_type::object: {
            if (depth >= kMaxDepth) return JsonStatus::kTooDeep;
            od::object object;
            if (value.get_object().get(object) != simdjson::SUCCESS) return JsonStatus::kMalformed;
            return ValidateObject(object, depth + 1, scratch);
        }
        case od::json_type::array: {
            if (depth >= kMaxDepth) return JsonStatus::kTooDeep;
            od::array array;
            if (value.get_array().get(array) != simdjson::SUCCESS) return JsonStatus::kMalformed;
            return ValidateArray(array, depth + 1, scratch);
        }
        case od::json_type::string: {
            od::raw_json_string raw;
            if (value.get_raw_json_string().get(raw) != simdjson::SUCCESS) {
                return JsonStatus::kMalformed;
            }
            return CheckString(raw.raw(), scratch);
        }
        default:
            return CheckScalar(ScalarToken(value.raw_json_token())) ? JsonStatus::kOk
                                                                    : JsonStatus::kMalformed;
    }
}

}  // namespace pganalytics::ingest
