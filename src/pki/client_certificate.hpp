// Client certificate: whose it is and what is asked of it beyond what OpenSSL verifies.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/types.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// CheckStrength refuses a key of any certificate of a chain that is not RSA of 2048 bits or more or
// ECDSA on P-256, P-384 or P-521. Errors say what it is.
core::Status CheckStrength(const X509* certificate);

// CheckClient checks what makes a certificate a client's: version 3, DER, no extension twice, a
// positive serial, not an authority, digitalSignature if it lists key usages, clientAuth among its
// extended key usages (OpenSSL accepts a certificate that lists none). REQUIRES: chain, signatures
// and times are verified elsewhere, and nobody else uses the certificate meanwhile.
core::Status CheckClient(X509* certificate);

// CollectorOf is CheckClient, and gives the collector that the certificate names: among its
// alternative names there is one URI and no more, urn:uuid: with a UUID in lower case that is not
// nil.
core::Result<core::Uuid> CollectorOf(X509* certificate);

// ClientCertificate is a client certificate as the tables know it.
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

// ReadClientCertificate reads one that CollectorOf accepts. `issuer` is the certificate of its
// authority: its key identifier counts where the client's own certificate does not tell.
core::Result<ClientCertificate> ReadClientCertificate(X509* certificate, X509* issuer);

// CertificateSha256 is the SHA-256 of a certificate's DER.
core::Sha256 CertificateSha256(const X509* certificate);

}  // namespace pganalytics::pki
