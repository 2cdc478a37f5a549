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

// CheckClient checks that a certificate is a client's. It must meet these conditions:
//   It is of version 3, in DER, and not an authority's.
//   Its serial number is positive and has at most 20 bytes.
//   Each extension can be read, and none is there twice.
//   Its extended key usages include clientAuth. OpenSSL alone would accept a certificate without
//     any.
//   If it lists key usages, they include digitalSignature.
// Errors: 403. REQUIRES: the caller verifies chain, signatures and times; no other thread uses the
// certificate during the call.
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

// ReadClientCertificate runs CollectorOf and reads the fields of the certificate. `issuer` is the
// authority's certificate, or nullptr. If the client certificate lacks its authority's key
// identifier, that of `issuer` is used. Errors: those of CollectorOf; 403 if the dates cannot be
// read.
core::Result<ClientCertificate> ReadClientCertificate(X509* certificate, X509* issuer);

// CertificateSha256 is the SHA-256 of a certificate's DER.
core::Sha256 CertificateSha256(const X509* certificate);

}  // namespace pganalytics::pki
