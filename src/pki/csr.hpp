// CSR: makes and checks certificate requests (PKCS #10, RFC 2986). Only the key of a request
// counts: the sender cannot choose the certificate's name, purpose or validity period.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// kMaxRequestBytes limits the DER of a request. A request with a P-384 key and no attributes has
// 300 bytes. Some programs add names and extensions, which are ignored.
inline constexpr size_t kMaxRequestBytes = 8192;

// MakeRequest makes a request (DER) with an empty subject for `key`, signed with `key`.
core::Result<std::string> MakeRequest(EVP_PKEY* key);

// CheckRequest checks a certificate request in DER and returns its public key. The request must be
// signed by that key, which proves that the sender has the private key. Errors (422):
//   not exactly one request of version 1 in DER
//   more than kMaxRequestBytes
//   a key that is not on P-256 or P-384, or whose curve is not given by name
//   a signature by another key or without SHA-2
core::Result<KeyPtr> CheckRequest(std::string_view der);

// RequestFromPem decodes one "CERTIFICATE REQUEST" from PEM and returns its DER. It does not check
// the DER. Errors (422): anything else, or text before or after the request.
core::Result<std::string> RequestFromPem(std::string_view pem);

}  // namespace pganalytics::pki
