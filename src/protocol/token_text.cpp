#include "protocol/token_text.hpp"

#include <cstring>

#include "core/hex.hpp"
#include "core/json_string.hpp"

namespace pganalytics::protocol {
namespace {

// Text appends to a buffer of fixed size. If a text does not fit, the buffer is full and takes no
// further text.
struct Text {
    char* data;
    size_t capacity;
    size_t size = 0;
    bool full = false;

    void Add(std::string_view text) {
        full = full || text.size() > capacity - size;
        if (full) return;
        std::memcpy(data + size, text.data(), text.size());
        size += text.size();
    }
    void Add(char c) { Add(std::string_view(&c, 1)); }
};

// AddBase64Url writes base64url (RFC 4648 section 5) without padding.
void AddBase64Url(Text* text, const unsigned char* bytes, size_t size) {
    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i < 3 ? size - i : 3;
        uint32_t group = uint32_t{bytes[i]} << 16;
        if (left > 1) group |= uint32_t{bytes[i + 1]} << 8;
        if (left > 2) group |= bytes[i + 2];
        for (size_t k = 0; k <= left; ++k) {
            text->Add(kAlphabet[group >> (18 - 6 * k) & 63]);
        }
    }
}

void AddNumber(Text* text, int64_t number) {
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? -static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    do {
        digits[--at] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) text->Add('-');
    text->Add(std::string_view(digits + at, sizeof(digits) - at));
}

void AddString(Text* text, std::string_view value) {
    core::WriteJsonString(value, [text](std::string_view piece) { text->Add(piece); });
}

void AddUuid(Text* text, const core::Uuid& uuid) {
    char written[36];
    WriteUuid(uuid, written);
    AddString(text, std::string_view(written, sizeof(written)));
}

void AddClaims(Text* text, const TokenClaims& claims) {
    text->Add("{\"iss\":");
    AddString(text, kTokenIssuer);
    text->Add(",\"aud\":");
    AddString(text, claims.audience);
    text->Add(",\"sub\":");
    AddString(text, claims.subject);
    text->Add(",\"iat\":");
    AddNumber(text, claims.issued_at);
    text->Add(",\"exp\":");
    AddNumber(text, claims.expires_at);
    text->Add(",\"jti\":");
    AddUuid(text, claims.token_id);
    if (!(claims.session_id == core::Uuid{})) {
        text->Add(",\"sid\":");
        AddUuid(text, claims.session_id);
    }
    if (!(claims.certificate_sha256 == core::Sha256{})) {
        text->Add(",\"cnf\":{\"x5t#S256\":\"");
        AddBase64Url(text, claims.certificate_sha256.bytes,
                     sizeof(claims.certificate_sha256.bytes));
        text->Add("\"}");
    }
    text->Add('}');
}

void AddEncoded(Text* text, const Text& json) {
    text->full = text->full || json.full;
    AddBase64Url(text, reinterpret_cast<const unsigned char*>(json.data), json.size);
}

}  // namespace

size_t WriteSigningInput(std::string_view kid, const TokenClaims& claims, char* out,
                         size_t capacity) {
    char memory[kMaxTokenBytes];
    Text text = {out, capacity};
    Text header = {memory, sizeof(memory)};
    header.Add("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":");
    AddString(&header, kid);
    header.Add('}');
    AddEncoded(&text, header);
    text.Add('.');
    Text body = {memory, sizeof(memory)};
    AddClaims(&body, claims);
    AddEncoded(&text, body);
    return text.full ? 0 : text.size;
}

size_t AppendSignature(const unsigned char (&signature)[kTokenSignatureBytes], char* out,
                       size_t length, size_t capacity) {
    Text text = {out, capacity, length};
    text.Add('.');
    AddBase64Url(&text, signature, sizeof(signature));
    return text.full ? 0 : text.size;
}

void WriteUuid(const core::Uuid& uuid, char* out) {
    for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        out = core::WriteHex(uuid.bytes + i, 1, out);
    }
}

}  // namespace pganalytics::protocol
