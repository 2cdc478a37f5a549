// Fuzzes signed tokens. A token that the fuzzer makes is never accepted. Its header and claims,
// signed here with the trusted key, are refused or give claims within their bounds.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/utf8.hpp"
#include "pki/jwt/base64url.hpp"
#include "pki/jwt/jwt.hpp"
#include "signed_token.hpp"

namespace {

using namespace pganalytics;

constexpr int64_t kNow = 1800000000;
constexpr char kKid[] = "0123456789abcde";
constexpr char kAudience[] = "pganalytics-collector";

void Require(bool condition) {
    if (!condition) std::abort();
}

struct Signer {
    pki::KeyPtr key = pki::MakeKey();
    pki::TokenVerifier verifier;
    Signer() { Require(verifier.AddKey(kKid, pki::PointOf(key.get()))); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Signer signer;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Require(!signer.verifier.Verify(text, kAudience, kNow).ok());
    if (const auto bytes = pki::DecodeBase64Url(text)) {
        Require(pki::EncodeBase64Url(*bytes) == text);
    }
    Require(pki::DecodeBase64Url(pki::EncodeBase64Url(text)) == text);

    // The text up to the first line end is the header, the rest is the claims.
    const size_t line = text.find('\n');
    if (line == std::string_view::npos) return 0;
    const std::string token = pki::MakeToken(signer.key.get(), std::string(text.substr(0, line)),
                                             std::string(text.substr(line + 1)));
    const auto claims = signer.verifier.Verify(token, kAudience, kNow);
    if (!claims) {
        Require(claims.error().status == 403 && core::IsValidUtf8(claims.error().message));
        return 0;
    }
    Require(!claims->subject.empty() && claims->subject.size() <= 255);
    Require(core::IsValidUtf8(claims->subject));
    Require(claims->issued_at >= 0 && claims->issued_at <= kNow + pki::kTokenLeewaySeconds);
    Require(claims->expires_at > kNow && !(claims->id == core::Uuid{}));
    Require(text.find("ES256") != std::string_view::npos ||
            text.find('\\') != std::string_view::npos);
    return 0;
}
