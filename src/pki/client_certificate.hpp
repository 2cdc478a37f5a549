// Client certificate: the collector that it names, and the checks beyond what OpenSSL verifies.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/types.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// CheckStrength accepts a certificate, at any place of a chain, only if its key is RSA of at least
// 2048 bits or ECDSA on P-256, P-384 or P-521. Errors (403) say what is wrong with the key.
core::Status CheckStrength(const X509* certificate);

// CheckClient checks that a certificate is a client's: version 3, in DER, not an authority's, no
// extension twice, a positive serial number. Its extended key usages must include clientAuth;
// OpenSSL alone would accept a certificate that lists none. If the certificate lists key usages,
// they must include digitalSignature. Errors: 403. REQUIRES: the caller verifies chain, signatures
// and times; no other thread uses the certificate during the call.
core::Status CheckClient(X509* certificate);

// CollectorOf runs CheckClient and returns the id of the collector that the certificate names. The
// alternative names must contain exactly one URI: "urn:uuid:" followed by a UUID that is in lower
// case and not nil. Errors: 403.
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
    std::string subject;  // as RFC 2253 writes it
    std::string der;
};

// ReadClientCertificate reads the fields of a client certificate. `issuer` is the authority's
// certificate or nullptr. If the client certificate does not name its authority's key identifier,
// the key identifier of `issuer` is used. Errors (403): those of CollectorOf, or dates that cannot
// be read.
core::Result<ClientCertificate> ReadClientCertificate(X509* certificate, X509* issuer);

// CertificateSha256 is the SHA-256 of a certificate's DER.
core::Sha256 CertificateSha256(const X509* certificate);

}  // namespace pganalytics::pki
