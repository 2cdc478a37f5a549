// Issue: makes the three kinds of certificates. This file alone decides what a certificate says
// (RFC 5280); the requester supplies only the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Issuer is an authority's certificate with its key. crl_url is the URL of its revocation list,
// written into the certificates that it signs; "" if there is none.
struct Issuer {
    X509* certificate;
    EVP_PKEY* key;
    std::string crl_url = {};
};

// IssueTime: `now` is Unix time in seconds. A certificate is valid from shortly before `now`,
// because clocks may be behind, until `days` days after `now`, and never longer than its issuer.
struct IssueTime {
    int64_t now;
    int64_t days;
};

// MakeRoot makes a self-signed authority for certificates and revocation lists, but not for further
// authorities. `name` becomes its common name.
core::Result<CertPtr> MakeRoot(EVP_PKEY* key, const std::string& name, const IssueTime& time);

// MakeServerCertificate makes a certificate for a TLS server. `names` are DNS names and IP
// addresses; the first is also the common name; anything else is dropped. REQUIRES: at least one
// name is valid.
core::Result<CertPtr> MakeServerCertificate(const Issuer& issuer, EVP_PKEY* key,
                                            const std::vector<std::string>& names,
                                            const IssueTime& time);

// MakeCollectorCertificate makes a certificate for a TLS client. The first 64 bytes of `name` are
// the common name, for people to read. `uuid` (36 characters), in the URI urn:uuid:<uuid>,
// identifies the collector.
core::Result<CertPtr> MakeCollectorCertificate(const Issuer& issuer, EVP_PKEY* key,
                                               const std::string& name, const std::string& uuid,
                                               const IssueTime& time);

// HasServerNames: the certificate has exactly the names, in the same order, that
// MakeServerCertificate would write for `names`.
bool HasServerNames(X509* certificate, const std::vector<std::string>& names);

// HasCrlUrl: the certificate has `url` for the revocation list, or none if `url` is "".
bool HasCrlUrl(X509* certificate, const std::string& url);

// DigestFor returns the digest for signatures by `key`, as strong as the key; nullptr for a key
// with a built-in digest (Ed25519, Ed448).
const EVP_MD* DigestFor(EVP_PKEY* key);

// NotBefore and NotAfter are Unix time in seconds. RenewAt is when two thirds of the time between
// them have passed.
int64_t NotBefore(const X509* certificate);
int64_t NotAfter(const X509* certificate);
int64_t RenewAt(const X509* certificate);

}  // namespace pganalytics::pki
