// Tests of signed tokens: which are accepted, and every reason for a refusal.
#include "pki/jwt/jwt.hpp"

#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "core/text.hpp"
#include "signed_token.hpp"

namespace pganalytics::pki {
namespace {

constexpr int64_t kNow = 1800000000;
constexpr char kKid[] = "0123456789abcde";
constexpr char kAudience[] = "pganalytics-collector";
const std::string kHeader = R"({"alg":"ES256","typ":"JWT","kid":"0123456789abcde"})";
const std::string kDigest = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

// Claims returns good claims with one claim replaced, or removed if `value` is "".
std::string Claims(const std::string& name = "", const std::string& value = "",
                   const std::string& more = "") {
    const std::pair<const char*, const char*> good[] = {
        {"iss", R"("pganalytics")"},
        {"aud", R"("pganalytics-collector")"},
        {"sub", R"("11111111-2222-3333-4444-555555555555")"},
        {"iat", "1799999990"},
        {"exp", "1800000600"},
        {"jti", R"("aaaaaaaa-2222-3333-4444-555555555555")"}};
    std::string text;
    bool replaced = name.empty();
    auto add = [&text](const std::string& key, const std::string& json) {
        if (json.empty()) return;
        text += (text.empty() ? "{\"" : ",\"") + key + "\":" + json;
    };
    for (const auto& [key, json] : good) {
        add(key, key == name ? value : json);
        replaced = replaced || key == name;
    }
    if (!replaced) add(name, value);
    return text + more + "}";
}

class JwtTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(verifier_.AddKey(kKid, PointOf(key_.get()))); }

    core::Result<TokenClaims> Verify(const std::string& token) const {
        return verifier_.Verify(token, kAudience, kNow);
    }
    std::string Good() const { return MakeToken(key_.get(), kHeader, Claims()); }
    void Refused(const std::string& token, const std::string& reason) const {
        const auto claims = Verify(token);
        ASSERT_FALSE(claims.ok()) << token;
        EXPECT_EQ(claims.error().status, 403);
        EXPECT_NE(claims.error().message.find(reason), std::string::npos)
            << claims.error().message << " for " << token;
    }
    void RefusedHeader(const std::string& header, const std::string& reason) const {
        Refused(MakeToken(key_.get(), header, Claims()), reason);
    }
    void RefusedClaims(const std::string& claims, const std::string& reason) const {
        Refused(MakeToken(key_.get(), kHeader, claims), reason);
    }

    const KeyPtr key_ = MakeKey();
    TokenVerifier verifier_;
};

TEST_F(JwtTest, Good) {
    const auto claims = Verify(Good());
    ASSERT_TRUE(claims.ok()) << claims.error().message;
    EXPECT_EQ(claims->subject, "11111111-2222-3333-4444-555555555555");
    EXPECT_EQ(core::FormatUuid(claims->id), "aaaaaaaa-2222-3333-4444-555555555555");
    EXPECT_EQ(claims->issued_at, 1799999990);
    EXPECT_EQ(claims->expires_at, 1800000600);
    EXPECT_FALSE(claims->session || claims->certificate);
}

TEST_F(JwtTest, GoodWithAllClaims) {
    const std::string claims =
        Claims("sid", R"("bbbbbbbb-2222-3333-4444-555555555555")",
               R"(,"nbf":1799999990,"cnf":{"x5t#S256":")" + kDigest + R"("},"other":[{"a":null}])");
    const auto read = Verify(MakeToken(key_.get(), kHeader, claims));
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_TRUE(read->session && read->certificate);
    EXPECT_EQ(core::FormatUuid(*read->session), "bbbbbbbb-2222-3333-4444-555555555555");
    for (int i = 0; i < 32; ++i) EXPECT_EQ(read->certificate->bytes[i], i);
}

// The token does not choose the algorithm: whatever its header says, only ES256 is accepted.
TEST_F(JwtTest, Algorithms) {
    for (const char* algorithm : {"none", "None", "NONE", "es256", "HS256", "RS256", "PS256",
                                  "ES384", "ES512", "EdDSA", "ES256K", ""}) {
        RefusedHeader(
            R"({"alg":")" + std::string(algorithm) + R"(","typ":"JWT","kid":"0123456789abcde"})",
            "not signed with ES256");
    }
    RefusedHeader(R"({"typ":"JWT","kid":"0123456789abcde"})", "not signed with ES256");
    RefusedHeader(R"({"alg":["ES256"],"typ":"JWT","kid":"0123456789abcde"})", "wrong type");
    RefusedHeader(R"({"alg":"ES256\u0000","typ":"JWT","kid":"0123456789abcde"})",
                  "not signed with ES256");
}

// The classic attack signs with HMAC and takes the public key, which everybody may know, as its
// secret.
TEST_F(JwtTest, HmacWithThePublicKey) {
    const std::string point = PointOf(key_.get());
    const BioPtr pem(BIO_new(BIO_s_mem()));
    ASSERT_EQ(PEM_write_bio_PUBKEY(pem.get(), key_.get()), 1);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(pem.get(), &bytes);
    const std::string secrets[] = {point, std::string(bytes, static_cast<size_t>(size)), "", kKid};
    for (const char* algorithm : {"HS256", "ES256"}) {
        const std::string text = EncodeBase64Url(R"({"alg":")" + std::string(algorithm) +
                                                 R"(","typ":"JWT","kid":"0123456789abcde"})") +
                                 "." + EncodeBase64Url(Claims());
        for (const std::string& secret : secrets) {
            unsigned char mac[EVP_MAX_MD_SIZE];
            unsigned int mac_size = 0;
            HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                 reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &mac_size);
            const std::string signature(reinterpret_cast<char*>(mac), mac_size);
            EXPECT_FALSE(Verify(text + "." + EncodeBase64Url(signature)).ok());
            EXPECT_FALSE(Verify(text + "." + EncodeBase64Url(signature + signature)).ok());
        }
    }
}

TEST_F(JwtTest, Headers) {
    const std::string open = R"({"alg":"ES256","typ":"JWT","kid":"0123456789abcde",)";
    for (const char* more :
         {R"("crit":["b64"]})", R"("jwk":{"kty":"EC"}})", R"("jku":"https://evil/keys"})",
          R"("x5u":"https://evil/cert"})", R"("x5c":["MIIB"]})", R"("x5t#S256":"AA"})",
          R"("zip":"DEF"})", R"("b64":false})", R"("cty":"JWT"})", R"("Alg":"none"})"}) {
        RefusedHeader(open + more, "a header that is not known");
    }
    RefusedHeader(open + R"("alg":"none"})", "a key twice");
    RefusedHeader(open + R"("kid":"0123456789abcde"})", "a key twice");
    RefusedHeader(R"({"alg":"ES256","kid":"0123456789abcde"})", "not of type JWT");
    RefusedHeader(R"({"alg":"ES256","typ":"at+jwt","kid":"0123456789abcde"})", "not of type JWT");
    for (const char* kid : {"", "0123456789abcdf", "0123456789ABCDE", "0123456789abcde0",
                            "../../etc/passwd", "' OR 1=1 --", "0123456789abcde\\u0000"}) {
        RefusedHeader(R"({"alg":"ES256","typ":"JWT","kid":")" + std::string(kid) + "\"}",
                      "a key that is not known");
    }
    RefusedHeader(R"({"alg":"ES256","typ":"JWT"})", "a key that is not known");
    RefusedHeader(R"({"alg":"ES256","typ":"JWT","kid":123456789012345})", "wrong type");
    for (const char* header : {"", "[]", "null", "\"ES256\"", "{", "{}{}", "{\"alg\":\"ES256\",}",
                               "\xEF\xBB\xBF{", "{\"alg\":\"\xFF\"}", "{'alg':'ES256'}"}) {
        Refused(MakeToken(key_.get(), header, Claims()), "no JSON header");
    }
    RefusedHeader("{}", "not signed with ES256");
    RefusedHeader(std::string(1100, '[') + std::string(1100, ']'), "no JSON header");
}

TEST_F(JwtTest, Signatures) {
    const std::string good = Good();
    const size_t dot = good.rfind('.');
    const std::string text = good.substr(0, dot);
    const std::string raw = *DecodeBase64Url(good.substr(dot + 1));
    auto refused = [&](const std::string& signature) {
        Refused(text + "." + EncodeBase64Url(signature), "signature that is not good");
    };
    refused("");
    refused(raw.substr(0, 63));
    refused(raw + '\0');
    refused('\0' + raw);
    refused(raw.substr(32) + raw.substr(0, 32));
    refused(std::string(64, '\0'));
    refused(raw.substr(0, 32) + std::string(32, '\0'));
    refused(std::string(32, '\0') + raw.substr(32));
    refused(std::string(64, '\xFF'));
    for (size_t i = 0; i < raw.size(); i += 7) {
        std::string altered = raw;
        altered[i] = static_cast<char>(altered[i] ^ 1);
        refused(altered);
    }
    // Refused signatures: DER in place of r and s, another digest, another curve, another key of
    // the server, and a stranger's key.
    const KeyPtr other = MakeKey();
    refused(Sign(other.get(), text));
    refused(Sign(key_.get(), text, EVP_sha384()));
    const KeyPtr longer = MakeKey("P-384");
    refused(Sign(longer.get(), text, EVP_sha384(), 48));
    TokenVerifier both;
    ASSERT_TRUE(both.AddKey(kKid, PointOf(key_.get())) &&
                both.AddKey("111111111111111", PointOf(other.get())));
    EXPECT_FALSE(both.Verify(MakeToken(other.get(), kHeader, Claims()), kAudience, kNow).ok());
    // The signed header and claims cannot be changed.
    const std::string header = EncodeBase64Url(kHeader);
    Refused(header + "." + EncodeBase64Url(Claims("exp", "1900000000")) + good.substr(dot),
            "signature that is not good");
}

TEST_F(JwtTest, Encoding) {
    const std::string good = Good();
    ASSERT_TRUE(Verify(good).ok());
    for (const std::string& token :
         {"." + good, good + ".", good + "..", std::string(".."), std::string("."), std::string(),
          good.substr(0, good.rfind('.')), "a." + good, good + std::string(4096, 'A')}) {
        EXPECT_FALSE(Verify(token).ok()) << token;
    }
    for (const char* end : {"=", "==", " ", "\n", "%3D", "+", "/"}) {
        EXPECT_FALSE(Verify(good + end).ok()) << end;
        EXPECT_FALSE(Verify(end + good).ok()) << end;
    }
    // 64 bytes leave four unused bits in the last of 86 characters. Another last character that
    // decodes to the same bytes would be another text of the same token, so it is refused.
    std::string alias = good;
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    alias.back() = alphabet[alphabet.find(good.back()) + 1];
    EXPECT_FALSE(Verify(alias).ok());
    EXPECT_FALSE(Verify(good + "A").ok());
    // Standard base64 and digits of other scripts are refused.
    EXPECT_FALSE(DecodeBase64Url("ab+/"));
    EXPECT_FALSE(DecodeBase64Url("\xD9\xA1\xD9\xA2"));
}

TEST_F(JwtTest, Claims) {
    for (const char* name : {"iss", "aud", "sub", "iat", "exp", "jti"}) {
        EXPECT_FALSE(Verify(MakeToken(key_.get(), kHeader, Claims(name, ""))).ok()) << name;
        for (const char* value : {"null", "true", "[]", "{}", "-1", "1.5", "\"\""}) {
            EXPECT_FALSE(Verify(MakeToken(key_.get(), kHeader, Claims(name, value))).ok())
                << name << value;
        }
    }
    RefusedClaims(Claims("iss", R"("pganalytics-collector")"), "another issuer");
    RefusedClaims(Claims("aud", R"("pganalytics-api")"), "another use");
    RefusedClaims(Claims("aud", R"(["pganalytics-collector"])"), "another use");
    for (const char* end : {"\"1800000600\"", "1800000600.0", "1.9e9", "1e400", "253402300800",
                            "9223372036854775808", "99999999999999999999"}) {
        RefusedClaims(Claims("exp", end), "claim");
    }
    RefusedClaims(Claims("exp", "0x7fffffff"), "no claims in JSON");
    RefusedClaims(Claims("exp", "01800000600"), "no claims in JSON");
    RefusedClaims(Claims("jti", R"("AAAAAAAA-2222-3333-4444-555555555555")"), "jti");
    RefusedClaims(Claims("jti", R"("00000000-0000-0000-0000-000000000000")"), "jti");
    RefusedClaims(Claims("sid", R"("x")"), "sid");
    RefusedClaims(Claims("sub", '"' + std::string(256, 'a') + '"'), "sub");
    RefusedClaims(Claims("", "", R"(,"sub":"99999999-2222-3333-4444-555555555555")"), "twice");
    RefusedClaims(Claims("", "", R"(,"s\u0075b":"99999999-2222-3333-4444-555555555555")"), "twice");
    RefusedClaims(Claims() + "{}", "no claims in JSON");
    RefusedClaims(Claims() + '\0', "no claims in JSON");
    RefusedClaims(Claims("x", std::string(1100, '[') + std::string(1100, ']')), "no claims");
    RefusedClaims(Claims("x", "\"\xED\xA0\x80\""), "no claims in JSON");
}

TEST_F(JwtTest, Confirmation) {
    const std::string good = R"({"x5t#S256":")" + kDigest + "\"}";
    EXPECT_TRUE(Verify(MakeToken(key_.get(), kHeader, Claims("cnf", good))).ok());
    for (const std::string& cnf :
         {std::string("{}"), std::string("null"), std::string("[]"), std::string(R"({"jwk":{}})"),
          R"({"x5t#S256":")" + kDigest + R"(","jwk":{}})", R"({"x5t#S256":")" + kDigest + "=\"}",
          R"({"x5t#S256":")" + kDigest.substr(0, 42) + "\"}",
          R"({"x5t#S256":")" + kDigest + R"(","x5t#S256":")" + kDigest + "\"}",
          std::string(R"({"x5t#S256":""})"), std::string(R"({"x5t#S256":1})")}) {
        RefusedClaims(Claims("cnf", cnf), "cnf");
    }
}

TEST_F(JwtTest, Times) {
    auto at = [this](int64_t now, const std::string& claims,
                     TokenVerifier::Expired expired = TokenVerifier::Expired::kRefuse) {
        return verifier_.Verify(MakeToken(key_.get(), kHeader, claims), kAudience, now, expired)
            .ok();
    };
    // The expiry has no leeway, the time of issue has a minute.
    EXPECT_TRUE(at(1800000599, Claims()));
    EXPECT_FALSE(at(1800000600, Claims()));
    EXPECT_TRUE(at(1800000600, Claims(), TokenVerifier::Expired::kAccept));
    EXPECT_TRUE(at(1799999930, Claims()));
    EXPECT_FALSE(at(1799999929, Claims()));
    EXPECT_FALSE(at(1799999929, Claims(), TokenVerifier::Expired::kAccept));
    EXPECT_TRUE(at(kNow, Claims("nbf", "1800000060")));
    EXPECT_FALSE(at(kNow, Claims("nbf", "1800000061")));
    EXPECT_FALSE(at(kNow, Claims("nbf", "\"1799999990\"")));
}

TEST_F(JwtTest, Keys) {
    TokenVerifier verifier;
    std::string point = PointOf(key_.get());
    EXPECT_FALSE(verifier.AddKey("", point));
    EXPECT_FALSE(verifier.AddKey(kKid, point.substr(1)));
    EXPECT_FALSE(verifier.AddKey(kKid, point + "x"));
    std::string off_curve = point;
    off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
    EXPECT_FALSE(verifier.AddKey(kKid, off_curve));
    EXPECT_FALSE(verifier.AddKey(kKid, std::string(65, '\0')));
    EXPECT_FALSE(verifier.AddKey(kKid, PointOf(MakeKey("P-384").get())));
    EXPECT_TRUE(verifier.AddKey(kKid, point));
    EXPECT_FALSE(verifier.AddKey(kKid, point));
    EXPECT_FALSE(TokenVerifier().Verify(Good(), kAudience, kNow).ok());
}

TEST_F(JwtTest, WhatIsSigned) {
    EXPECT_TRUE(LooksSigned(Good()));
    EXPECT_FALSE(LooksSigned("pga_0123456789abcdef"));
    EXPECT_FALSE(LooksSigned(""));
    EXPECT_FALSE(LooksSigned("a.b"));
    EXPECT_FALSE(LooksSigned("a.b.c.d"));
}

TEST(Base64UrlTest, RoundTrip) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        const std::string text = EncodeBase64Url(bytes);
        EXPECT_EQ(DecodeBase64Url(text), bytes);
        bytes.push_back(static_cast<char>(i * 37));
    }
    EXPECT_EQ(EncodeBase64Url("\xFB\xFF"), "-_8");
    EXPECT_FALSE(DecodeBase64Url("A"));
    EXPECT_FALSE(DecodeBase64Url("-_9"));
    EXPECT_FALSE(DecodeBase64Url("AB"));
}

}  // namespace
}  // namespace pganalytics::pki
