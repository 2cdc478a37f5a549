// Issue: makes the three kinds of certificates. This file alone decides what a certificate says
// (RFC 5280); the requester supplies only the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Issuer is an authority's certificate with its key, and the URL of its revocation list ("" if
// there is none) for the certificates it signs.
struct Issuer {
    X509* certificate;
    EVP_PKEY* key;
    std::string crl_url = {};
};

// IssueTime: `now` is Unix time in seconds. A certificate is valid from shortly before `now`, for
// clocks that are behind, until `days` after it, and never longer than its issuer.
struct IssueTime {
    int64_t now;
    int64_t days;
};

// MakeRoot makes an authority: self-signed, for certificates and revocation lists but no further
// authority. `name` becomes its common name.
core::Result<CertPtr> MakeRoot(EVP_PKEY* key, const std::string& name, const IssueTime& time);

// MakeServerCertificate is for TLS servers. `names` are DNS names and IP addresses, the first also
// the common name; anything else is dropped. REQUIRES: at least one.
core::Result<CertPtr> MakeServerCertificate(const Issuer& issuer, EVP_PKEY* key,
                                            const std::vector<std::string>& names,
                                            const IssueTime& time);

// MakeCollectorCertificate is for TLS clients. `name` (its first 64 bytes) is the common name, for
// people to read; `uuid`, 36 characters, in the URI urn:uuid:<uuid>, identifies the collector.
core::Result<CertPtr> MakeCollectorCertificate(const Issuer& issuer, EVP_PKEY* key,
                                               const std::string& name, const std::string& uuid,
                                               const IssueTime& time);

// HasServerNames: the certificate holds exactly the names that MakeServerCertificate would write
// for `names`.
bool HasServerNames(X509* certificate, const std::vector<std::string>& names);

// HasCrlUrl: the certificate gives `url` for the revocation list; with "", it gives none.
bool HasCrlUrl(X509* certificate, const std::string& url);

// DigestFor gives the digest for signatures by `key`, as strong as the key; nullptr for keys with a
// built-in digest (Ed25519).
const EVP_MD* DigestFor(EVP_PKEY* key);

// NotBefore and NotAfter: Unix time in seconds. RenewAt: when two thirds of the life have passed.
int64_t NotBefore(const X509* certificate);
int64_t NotAfter(const X509* certificate);
int64_t RenewAt(const X509* certificate);

}  // namespace pganalytics::pki
