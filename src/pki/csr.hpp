// CSR: makes and checks certificate requests (PKCS #10, RFC 2986). Only the key of a request
// counts: the sender decides neither name nor purpose nor lifetime of the certificate.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// A request with a P-384 key and no attributes has 300 bytes; some programs add names and
// extensions, which are ignored.
inline constexpr size_t kMaxRequestBytes = 8192;

// MakeRequest writes a request (DER) for a key, signed with it, with an empty subject.
core::Result<std::string> MakeRequest(EVP_PKEY* key);

// CheckRequest gives the public key of a request in DER. Errors (422): not exactly one request in
// DER, larger than kMaxRequestBytes, a key that is not on the named curve P-256 or P-384, or a
// signature by another key or without SHA-2: the sender then has not proven to hold the key.
core::Result<KeyPtr> CheckRequest(std::string_view der);

// RequestFromPem gives the DER of one "CERTIFICATE REQUEST" in PEM. Error (422) for anything else,
// also text around it. It does not check the DER.
core::Result<std::string> RequestFromPem(std::string_view pem);

}  // namespace pganalytics::pki
