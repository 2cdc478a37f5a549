// Reads and writes trust documents, and reads the answers that carry them.
#include "collector/life/trust.hpp"

#include <cJSON.h>
#include <openssl/pem.h>

#include <cmath>
#include <memory>

#include "collector/life/config_values.hpp"
#include "core/json_writer.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::collector {
namespace {

using core::Error;
using core::Result;
using Json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

// kMaxEntries limits authorities and pins. A rotation needs two of each.
constexpr int kMaxEntries = 16;
// kMaxVersion is 2^53: up to it a double represents every integer exactly.
constexpr double kMaxVersion = 9007199254740992.0;

Json Parse(std::string_view text) {
    return {cJSON_ParseWithLength(text.data(), text.size()), &cJSON_Delete};
}

const cJSON* Member(const cJSON* object, const char* name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

// IsOneCertificate: the text has exactly one certificate in PEM, and no private key.
bool IsOneCertificate(const std::string& pem) {
    const pki::BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const pki::CertPtr first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    const pki::CertPtr second(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    pki::OpensslError();
    return first != nullptr && second == nullptr && pem.find("PRIVATE KEY") == std::string::npos;
}

Result<Trust> ReadTrust(const cJSON* document) {
    const cJSON* version = Member(document, "version");
    const cJSON* authorities = Member(document, "authorities");
    const cJSON* pins = Member(document, "pins");
    if (!cJSON_IsNumber(version) || version->valuedouble < 0 ||
        version->valuedouble > kMaxVersion ||
        version->valuedouble != std::floor(version->valuedouble) || !cJSON_IsArray(authorities) ||
        !cJSON_IsArray(pins) || cJSON_GetArraySize(authorities) > kMaxEntries ||
        cJSON_GetArraySize(pins) > kMaxEntries) {
        return Error{"the server's trust document is not one: version, authorities and pins"};
    }
    Trust trust;
    trust.version = static_cast<uint64_t>(version->valuedouble);
    const cJSON* entry = nullptr;
    cJSON_ArrayForEach(entry, authorities) {
        const char* pem = cJSON_GetStringValue(entry);
        if (pem == nullptr || !IsOneCertificate(pem)) {
            return Error{"the server's trust document has an authority that is no certificate"};
        }
        trust.authorities += pem;
        if (!trust.authorities.ends_with('\n')) trust.authorities += '\n';
    }
    cJSON_ArrayForEach(entry, pins) {
        const char* text = cJSON_GetStringValue(entry);
        const Result<std::string> pin =
            text == nullptr ? Result<std::string>(Error{}) : NormalizePin(text);
        if (!pin) return Error{"the server's trust document has a pin that is none"};
        if (!trust.pins.empty()) trust.pins += ';';
        trust.pins += *pin;
    }
    // Without authorities and pins, any of the system's authorities could vouch for the server.
    if (trust.authorities.empty() && trust.pins.empty()) {
        return Error{"the server's trust document names neither authorities nor pins"};
    }
    return trust;
}

// Split calls `piece` with each part of the text. Each part ends with `end`; the last part may lack
// it. If keep_end is true, the parts include their `end`.
template <typename Piece>
void Split(std::string_view text, std::string_view end, bool keep_end, Piece piece) {
    while (!text.empty()) {
        const size_t at = text.find(end);
        const size_t length = at == text.npos ? text.size() : at + (keep_end ? end.size() : 0);
        piece(text.substr(0, length));
        text.remove_prefix(at == text.npos ? text.size() : at + end.size());
    }
}

}  // namespace

Result<Trust> ParseTrust(std::string_view json) { return ReadTrust(Parse(json).get()); }

std::string FormatServerState(const ServerState& state) {
    core::JsonWriter json;
    json.BeginObject();
    json.Key("url");
    json.String(state.url);
    json.Key("trust");
    json.BeginObject();
    json.Key("version");
    json.Int(static_cast<int64_t>(state.trust.version));
    json.Key("authorities");
    json.BeginArray();
    Split(state.trust.authorities, "-----END CERTIFICATE-----\n", true,
          [&](std::string_view pem) { json.String(pem); });
    json.EndArray();
    json.Key("pins");
    json.BeginArray();
    Split(state.trust.pins, ";", false, [&](std::string_view pin) { json.String(pin); });
    json.EndArray();
    json.EndObject();
    json.EndObject();
    return json.text() + "\n";
}

Result<ServerState> ParseServerState(std::string_view json) {
    const Json document = Parse(json);
    const char* url = cJSON_GetStringValue(Member(document.get(), "url"));
    Result<Trust> trust = ReadTrust(Member(document.get(), "trust"));
    if (!trust) return trust.error();
    const Result<std::string> normal =
        url == nullptr ? Result<std::string>(Error{"is missing"}) : NormalizeUrl(url);
    if (!normal) return Error{"url " + normal.error().message};
    return ServerState{*normal, std::move(*trust)};
}

Result<Enrolled> ParseEnrolled(std::string_view json) {
    const Json document = Parse(json);
    const char* certificate = cJSON_GetStringValue(Member(document.get(), "certificate"));
    if (certificate == nullptr) return Error{"the server's answer holds no certificate"};
    Result<Trust> trust = ReadTrust(Member(document.get(), "trust"));
    if (!trust) return trust.error();
    return Enrolled{certificate, std::move(*trust)};
}

}  // namespace pganalytics::collector
