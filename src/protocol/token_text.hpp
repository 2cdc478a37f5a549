// Token text: writes signed tokens (JWT, RFC 7519) into the caller's memory. Their form is the
// compact form of JWS (RFC 7515). This file needs no keys: src/pg/identity/tokens.cpp signs tokens,
// and src/pki verifies them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::protocol {

inline constexpr std::string_view kTokenIssuer = "pganalytics";
inline constexpr std::string_view kCollectorAudience = "pganalytics-collector";
inline constexpr std::string_view kApiAudience = "pganalytics-api";

// kMaxTokenBytes is the size of the longest token: each byte of a role's name (63 bytes) may need
// six in JSON, and base64url needs four bytes for three.
inline constexpr size_t kMaxTokenBytes = 1536;
inline constexpr size_t kTokenSignatureBytes = 64;

// TokenClaims is the content of a token. Times are Unix times in seconds.
struct TokenClaims {
    std::string_view audience;
    std::string_view subject;         // a collector's UUID, or a role's name; UTF-8
    core::Uuid token_id;              // jti
    core::Uuid session_id;            // sid; zero: none
    core::Sha256 certificate_sha256;  // cnf x5t#S256 (RFC 8705 section 3.1); zero: not bound
    int64_t issued_at = 0;
    int64_t expires_at = 0;
};

// WriteSigningInput writes the signed part of a token: header and claims with the dot between them
// (RFC 7515 section 5.1). It returns the length of that part, or 0 if the part does not fit in
// `capacity`.
size_t WriteSigningInput(std::string_view kid, const TokenClaims& claims, char* out,
                         size_t capacity);

// AppendSignature appends a dot and the signature to a signing input of `length` bytes. The
// signature is r and then s, 32 bytes each (RFC 7518 section 3.4). It returns the length of the
// token, or 0 if the token does not fit in `capacity`.
size_t AppendSignature(const unsigned char (&signature)[kTokenSignatureBytes], char* out,
                       size_t length, size_t capacity);

// WriteUuid writes the 36 characters of a UUID in lower case. It does not write a terminating NUL.
void WriteUuid(const core::Uuid& uuid, char* out);

}  // namespace pganalytics::protocol
