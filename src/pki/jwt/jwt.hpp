// JWT: signed tokens (RFC 7519) as this system issues them: a JWS in compact form, ES256 and
// nothing else. What a token says about how it is to be verified decides nothing.
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
// Clocks of those that issue may be ahead by this. An end is an end.
inline constexpr int64_t kTokenLeewaySeconds = 60;

// LooksSigned: a token with two dots in it is a JWT; every other one is opaque.
bool LooksSigned(std::string_view token);

// TokenClaims is what a token says whose signature, times, issuer and audience are good.
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
    // AddKey adds a key by its kid: an uncompressed point on P-256. False if it is none.
    bool AddKey(std::string_view kid, std::string_view point);

    enum class Expired { kRefuse, kAccept };

    // Verify gives what a token says. Errors, all 403: its form, a header with anything but alg,
    // typ and kid, an unknown key, the signature, an issuer other than "pganalytics", another
    // audience, a claim that is missing, of a wrong type or there twice, a time in the future; one
    // that has expired unless `expired` accepts it. `now` is Unix time in seconds. Claims that are
    // not known are ignored, as RFC 7519 section 4 has it.
    core::Result<TokenClaims> Verify(std::string_view token, std::string_view audience, int64_t now,
                                     Expired expired = Expired::kRefuse) const;

  private:
    std::map<std::string, KeyPtr, std::less<>> keys_;
};

}  // namespace pganalytics::pki
