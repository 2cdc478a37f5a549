// CSR: requests for certificates (PKCS #10, RFC 2986), made and checked. Of a request only the key
// counts: who asks decides neither name nor purpose nor life of a certificate.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// A request with a P-384 key and no attributes has 300 bytes; some programs add names and
// extensions, which nobody reads.
inline constexpr size_t kMaxRequestBytes = 8192;

// MakeRequest writes a request (DER) for a key, signed by it, with an empty subject.
core::Result<std::string> MakeRequest(EVP_PKEY* key);

// CheckRequest gives the public key of a request in DER. Errors (422): not one DER-encoded request
// and nothing behind it, larger than kMaxRequestBytes, a key that is not on a named curve P-256 or
// P-384, or a signature by another key or without SHA-2: whoever sent it does not have the key.
core::Result<KeyPtr> CheckRequest(std::string_view der);

// RequestFromPem gives the DER of one "CERTIFICATE REQUEST" in PEM; error (422) for anything else,
// text around it too. The DER is not checked.
core::Result<std::string> RequestFromPem(std::string_view pem);

}  // namespace pganalytics::pki
