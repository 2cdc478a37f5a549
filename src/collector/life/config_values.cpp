#include "collector/life/config_values.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <charconv>
#include <memory>

namespace pganalytics::collector {
namespace {

using CurlUrl = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

// IsSha256Base64 is true for 44 characters of base64 that encode 32 bytes.
bool IsSha256Base64(std::string_view text) {
    if (text.size() != 44 || text[43] != '=' || text[42] == '=') return false;
    unsigned char decoded[36];
    return EVP_DecodeBlock(decoded, reinterpret_cast<const unsigned char*>(text.data()), 44) == 33;
}

bool HasPart(CURLU* url, CURLUPart part) {
    char* value = nullptr;
    if (curl_url_get(url, part, &value, 0) != CURLUE_OK) return false;
    curl_free(value);
    return true;
}

}  // namespace

core::Result<std::chrono::milliseconds> ParseInterval(std::string_view text) {
    int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    const std::string_view unit(rest, static_cast<size_t>(end - rest));
    int64_t unit_ms = 0;
    if (unit == "ms") unit_ms = 1;
    if (unit == "s") unit_ms = 1000;
    if (unit == "m" || unit == "min") unit_ms = 60000;
    if (unit == "h") unit_ms = 3600000;
    if (failure != std::errc() || unit_ms == 0 || number < 1 || number > 3600000 ||
        number * unit_ms < 100 || number * unit_ms > 3600000) {
        return core::Error{"must be a time from \"100ms\" to \"1h\", such as \"60s\""};
    }
    return std::chrono::milliseconds(number * unit_ms);
}

core::Result<size_t> ParseMaxQueries(std::string_view text) {
    size_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc() || rest != end || number < 1 || number > 100000) {
        return core::Error{"must be a whole number from 1 to 100000"};
    }
    return number;
}

core::Result<QueryTexts> ParseQueryTexts(std::string_view text) {
    if (text == "masked") return QueryTexts::kMasked;
    if (text == "none") return QueryTexts::kNone;
    if (text == "as_sent") return QueryTexts::kAsSent;
    return core::Error{"must be \"masked\", \"none\" or \"as_sent\""};
}

core::Result<std::string> NormalizePin(std::string_view text) {
    const core::Error wrong{
        "must be \"sha256/\" and the base64 of the SHA-256 of the server's public key "
        "(44 characters); several are separated by ';'"};
    std::string normal;
    while (true) {
        std::string_view pin = text.substr(0, text.find(';'));
        constexpr std::string_view kPrefix = "sha256/";
        if (!pin.starts_with(kPrefix)) return wrong;
        text.remove_prefix(pin.size());
        pin.remove_prefix(kPrefix.size());
        // '/' is also a base64 character, so only the length distinguishes the spellings "sha256/"
        // and "sha256//".
        if (pin.size() == 45 && pin.front() == '/') pin.remove_prefix(1);
        if (!IsSha256Base64(pin)) return wrong;
        normal += "sha256//";
        normal += pin;
        if (text.empty()) return normal;
        text.remove_prefix(1);
        normal += ';';
    }
}

core::Result<std::string> NormalizeUrl(const std::string& text) {
    const CurlUrl url(curl_url(), &curl_url_cleanup);
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
            CURLUE_OK ||
        !text.starts_with("https://")) {
        return core::Error{
            "must be an https URL such as \"https://db.example.com:8443\" (the token never travels "
            "in the clear)"};
    }
    if (HasPart(url.get(), CURLUPART_USER) || HasPart(url.get(), CURLUPART_PASSWORD) ||
        HasPart(url.get(), CURLUPART_QUERY) || HasPart(url.get(), CURLUPART_FRAGMENT)) {
        return core::Error{
            "must be host and port only: no user, query or fragment, such as "
            "\"https://db.example.com:8443\""};
    }
    std::string normal = text;
    while (normal.ends_with('/')) normal.pop_back();
    return normal;
}

}  // namespace pganalytics::collector
