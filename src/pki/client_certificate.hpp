// Client certificate: the collector that it names, and the checks beyond what OpenSSL verifies.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/types.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// CheckStrength refuses a certificate, in any place of a chain, whose key is neither RSA of at
// least 2048 bits nor ECDSA on P-256, P-384 or P-521. Errors (403) say what is wrong with the key.
core::Status CheckStrength(const X509* certificate);

// CheckClient checks that a certificate is a client's: version 3, DER, no extension twice, a
// positive serial number, not an authority, digitalSignature if it lists key usages, and clientAuth
// among its extended key usages (OpenSSL accepts a certificate that lists none). Errors: 403.
// REQUIRES: the caller verifies chain, signatures and times, and no other thread uses the
// certificate meanwhile.
core::Status CheckClient(X509* certificate);

// CollectorOf runs CheckClient and returns the id of the collector that the certificate names. The
// alternative names must contain exactly one URI: urn:uuid: and a UUID in lower case that is not
// nil. Errors: 403.
core::Result<core::Uuid> CollectorOf(X509* certificate);

// ClientCertificate is a client certificate with the fields that the tables store.
struct ClientCertificate {
    core::Sha256 sha256;       // of its DER
    core::Sha256 spki_sha256;  // of its SubjectPublicKeyInfo
    core::Uuid collector_id;
    int64_t not_before = 0;  // Unix time in seconds
    int64_t not_after = 0;
    std::string serial;   // lower-case hex without leading zeros
    std::string issuer;   // key identifier of its authority, lower-case hex
    std::string subject;  // RFC 2253
    std::string der;
};

// ReadClientCertificate reads a certificate that CollectorOf accepts. `issuer` is the certificate
// of its authority or nullptr. Its key identifier is used if the client's certificate does not name
// one.
core::Result<ClientCertificate> ReadClientCertificate(X509* certificate, X509* issuer);

// CertificateSha256 is the SHA-256 of a certificate's DER.
core::Sha256 CertificateSha256(const X509* certificate);

}  // namespace pganalytics::pki
