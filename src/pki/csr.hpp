// CSR: makes and checks certificate requests (PKCS #10, RFC 2986). Only the key of a request
// counts: its sender determines neither name nor purpose nor validity period of the certificate.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// kMaxRequestBytes limits the DER. A request with a P-384 key and no attributes has 300 bytes; some
// programs add names and extensions, which are ignored.
inline constexpr size_t kMaxRequestBytes = 8192;

// MakeRequest makes a request (DER) with an empty subject for `key`, signed with `key`.
core::Result<std::string> MakeRequest(EVP_PKEY* key);

// CheckRequest returns the public key of a request in DER. Errors (422): not exactly one request in
// DER, more than kMaxRequestBytes, or a key that is not on the named curve P-256 or P-384. Also an
// error: a signature by another key or without SHA-2, which does not prove that the sender has the
// key.
core::Result<KeyPtr> CheckRequest(std::string_view der);

// RequestFromPem returns the DER of one "CERTIFICATE REQUEST" in PEM. Anything else is an error
// (422), and so is text around it. It does not check the DER.
core::Result<std::string> RequestFromPem(std::string_view pem);

}  // namespace pganalytics::pki
