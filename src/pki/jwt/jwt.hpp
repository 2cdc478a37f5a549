// JWT: verifies the signed tokens (RFC 7519) that this system issues: JWS in compact form, with
// ES256 only. The token itself has no influence on how it is verified.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/types.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

inline constexpr size_t kMaxTokenBytes = 4096;
// kTokenLeewaySeconds is how far the issuer's clock may be ahead of ours. For an expiry time there
// is no leeway.
inline constexpr int64_t kTokenLeewaySeconds = 60;

// LooksSigned is true if the token has exactly two dots, as a JWT has. Any other token is opaque.
bool LooksSigned(std::string_view token);

// TokenClaims are the claims of a token whose signature, times, issuer and audience are valid.
struct TokenClaims {
    std::string subject;  // sub: 1 to 255 bytes
    core::Uuid id;        // jti
    int64_t issued_at = 0;
    int64_t expires_at = 0;
    std::optional<core::Uuid> session;        // sid
    std::optional<core::Sha256> certificate;  // cnf x5t#S256 (RFC 8705 section 3.1)
};

class TokenVerifier {
  public:
    // AddKey adds a public key under its kid. `point` must be an uncompressed point on P-256.
    // Returns false if `point` is anything else, if `kid` is "", or if `kid` already has a key.
    bool AddKey(std::string_view kid, std::string_view point);

    enum class Expired { kRefuse, kAccept };

    // Verify checks a token and returns its claims. `now` is Unix time in seconds. Unknown claims
    // are ignored, as RFC 7519 section 4 requires. Errors, all 403:
    //   a wrong form, or a header with anything but alg, typ and kid
    //   an unknown key, or a bad signature
    //   an issuer other than "pganalytics", or another audience
    //   a claim that is missing, of a wrong type, or present twice
    //   an iat or nbf in the future (by more than kTokenLeewaySeconds)
    //   an expired token, unless `expired` is kAccept
    core::Result<TokenClaims> Verify(std::string_view token, std::string_view audience, int64_t now,
                                     Expired expired = Expired::kRefuse) const;

  private:
    std::map<std::string, KeyPtr, std::less<>> keys_;
};

}  // namespace pganalytics::pki
