// Credential: what a collector's request presents to prove its identity.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/address.hpp"
#include "core/types.hpp"

namespace pganalytics::protocol {

// Credential is a certificate, a token or both. The gateway has made the checks that need no
// tables:
//   certificate: its chain, times, key usage and revocation.
//   signed token: its signature, times and audience.
//   token that is bound to a certificate: the request shows that certificate.
// The worker decides who the sender is. It does so in the transaction that acts on the request.
struct Credential {
    core::Sha256 token_sha256;        // of an opaque token; zero: there is none
    core::Sha256 certificate_sha256;  // of the client certificate's DER; zero: there is none
    core::Sha256 spki_sha256;         // of the SubjectPublicKeyInfo in the certificate
    core::Uuid certificate_subject;   // collector in the urn:uuid: name of the certificate
    core::Uuid token_subject;         // collector that a signed token names; zero: there is none
    core::Uuid token_id;              // jti of the signed token
    int64_t token_issued_at = 0;      // iat of the signed token, Unix time in seconds
    int64_t token_expires_at = 0;     // exp of the signed token, Unix time in seconds
    core::Address address;            // of the client; it does not decide who the sender is
    friend bool operator==(const Credential&, const Credential&) = default;
};
static_assert(std::is_trivially_copyable_v<Credential>);

// IsZero returns whether a field of a Credential is all zeros, which means that it is not set.
template <typename Bytes>
constexpr bool IsZero(const Bytes& value) {
    return value == Bytes{};
}

// TokenKey is a public key that verifies signed tokens: an uncompressed point on P-256 (SEC 1
// section 2.3.3).
struct TokenKey {
    char kid[16];  // as in the token's header, NUL-padded
    unsigned char point[65];
    unsigned char reserved[7];
};
static_assert(sizeof(TokenKey) == 88);

}  // namespace pganalytics::protocol
