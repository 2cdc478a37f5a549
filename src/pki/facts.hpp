// Facts: the fields of a certificate that a table stores.
#pragma once

#include <cstdint>
#include <string>

#include "core/types.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

struct Facts {
    core::Sha256 sha256;       // of the DER
    core::Sha256 spki_sha256;  // of its SubjectPublicKeyInfo
    int64_t not_before = 0;    // Unix time in seconds
    int64_t not_after = 0;
    std::string serial;   // lower-case hex without leading zeros
    std::string issuer;   // key identifier of the authority, lower-case hex
    std::string key_id;   // its own key identifier, lower-case hex, "" if it has none
    std::string subject;  // as RFC 2253 writes it
    std::string pem;
};

// FactsOf reads the fields. `issuer` is the authority key identifier. If that is missing and the
// certificate is self-signed, `issuer` is the certificate's own key identifier. If neither is
// there, `issuer` is the first 20 bytes of the SHA-256 of the authority's name.
Facts FactsOf(X509* certificate);

// SpkiSha256 is the SHA-256 of a key's SubjectPublicKeyInfo, as pins use it (RFC 7469 section 2.4).
// Pin formats the hash as sha256/BASE64.
core::Sha256 SpkiSha256(EVP_PKEY* key);
std::string Pin(const core::Sha256& spki_sha256);

// PemOf and DerOf encode a certificate.
std::string PemOf(X509* certificate);
std::string DerOf(const X509* certificate);

// KeyIdOf returns a certificate's subject key identifier, lower-case hex; "" if it has none.
std::string KeyIdOf(X509* certificate);

}  // namespace pganalytics::pki
