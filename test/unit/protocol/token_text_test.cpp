// Tests of the text of signed tokens.
#include "protocol/token_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::protocol {
namespace {

// Decoded gives the bytes of a part of a token.
std::string Decoded(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        EXPECT_NE(kAlphabet.find(c), std::string_view::npos) << c;
        bits = bits << 6 | static_cast<uint32_t>(kAlphabet.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(static_cast<char>(bits >> count & 255));
    }
    EXPECT_EQ(bits & ((1u << count) - 1), 0u) << "bits that mean nothing are not zero";
    return out;
}

TokenClaims Claims() {
    TokenClaims claims;
    claims.audience = kCollectorAudience;
    claims.subject = "11111111-2222-3333-4444-555555555555";
    for (int i = 0; i < 16; ++i) claims.token_id.bytes[i] = static_cast<unsigned char>(i * 17);
    claims.issued_at = 1700000000;
    claims.expires_at = 1700003600;
    return claims;
}

std::string Written(const TokenClaims& claims, std::string_view kid = "0123456789abcde") {
    std::string out(kMaxTokenBytes, '\0');
    out.resize(WriteSigningInput(kid, claims, out.data(), out.size()));
    return out;
}

TEST(TokenText, SaysWhatItIsGiven) {
    const std::string input = Written(Claims());
    const size_t dot = input.find('.');
    EXPECT_EQ(Decoded(input.substr(0, dot)),
              R"({"alg":"ES256","typ":"JWT","kid":"0123456789abcde"})");
    EXPECT_EQ(Decoded(input.substr(dot + 1)),
              R"({"iss":"pganalytics","aud":"pganalytics-collector",)"
              R"("sub":"11111111-2222-3333-4444-555555555555","iat":1700000000,"exp":1700003600,)"
              R"("jti":"00112233-4455-6677-8899-aabbccddeeff"})");
}

TEST(TokenText, BindsToACertificateAndNamesASession) {
    TokenClaims claims = Claims();
    claims.session_id.bytes[15] = 1;
    for (unsigned char& byte : claims.certificate_sha256.bytes) byte = 0xFB;
    const std::string input = Written(claims);
    const std::string body = Decoded(input.substr(input.find('.') + 1));
    EXPECT_NE(body.find(R"("sid":"00000000-0000-0000-0000-000000000001")"), std::string::npos);
    // The text is base64url without padding: base64 would write 0xFB as '+'.
    EXPECT_NE(body.find(R"("cnf":{"x5t#S256":"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s"}})"),
              std::string::npos)
        << body;
}

TEST(TokenText, NamesOfRolesCannotWriteClaims) {
    TokenClaims claims = Claims();
    claims.subject = "x\",\"sid\":\"\\\n\x01\xC3\xA4";
    const std::string input = Written(claims);
    const std::string body = Decoded(input.substr(input.find('.') + 1));
    EXPECT_NE(body.find("\"sub\":\"x\\\",\\\"sid\\\":\\\"\\\\\\n\\u0001\xC3\xA4\","),
              std::string::npos)
        << body;
}

TEST(TokenText, LongestNameFitsAndNothingIsCut) {
    TokenClaims claims = Claims();
    const std::string longest(63, '\x01');
    claims.subject = longest;
    claims.audience = kApiAudience;
    claims.session_id.bytes[0] = 1;
    claims.certificate_sha256.bytes[0] = 1;
    const std::string input = Written(claims);
    ASSERT_FALSE(input.empty());
    const size_t whole = input.size() + 1 + 86;
    EXPECT_LE(whole, kMaxTokenBytes);

    unsigned char signature[kTokenSignatureBytes];
    for (size_t i = 0; i < sizeof(signature); ++i) signature[i] = static_cast<unsigned char>(i);
    for (size_t capacity = 0; capacity <= whole; ++capacity) {
        std::string out(capacity, '\0');
        const size_t length = WriteSigningInput("0123456789abcde", claims, out.data(), capacity);
        if (length == 0) {
            EXPECT_LT(capacity, input.size());
            continue;
        }
        EXPECT_EQ(length, input.size());
        const size_t size = AppendSignature(signature, out.data(), length, capacity);
        EXPECT_EQ(size, capacity == whole ? whole : 0u);
        if (size == 0) continue;
        EXPECT_EQ(out[length], '.');
        EXPECT_EQ(Decoded(out.substr(length + 1)),
                  std::string(reinterpret_cast<const char*>(signature), sizeof(signature)));
    }
}

}  // namespace
}  // namespace pganalytics::protocol
