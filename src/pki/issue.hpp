// Issue: makes the certificates of authorities, servers and collectors. This file alone decides
// what a certificate says (RFC 5280); the requester supplies only the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Issuer is an authority's certificate with its key. crl_url is the URL of the authority's
// revocation list. Certificates that the authority signs contain this URL, unless it is "".
struct Issuer {
    X509* certificate;
    EVP_PKEY* key;
    std::string crl_url = {};
};

// IssueTime determines a certificate's validity period. `now` is Unix time in seconds. The period
// begins shortly before `now`, because clocks may be behind, and ends `days` days after `now`. It
// never exceeds the period of the issuer.
struct IssueTime {
    int64_t now;
    int64_t days;
};

// MakeRoot makes the self-signed certificate of an authority. The authority may sign certificates
// and revocation lists, but no further authorities. `name` becomes its common name.
core::Result<CertPtr> MakeRoot(EVP_PKEY* key, const std::string& name, const IssueTime& time);

// MakeServerCertificate makes a certificate for a TLS server. `names` are DNS names and IP
// addresses; other strings are dropped. The first valid name is also the common name. REQUIRES: at
// least one name is valid.
core::Result<CertPtr> MakeServerCertificate(const Issuer& issuer, EVP_PKEY* key,
                                            const std::vector<std::string>& names,
                                            const IssueTime& time);

// MakeCollectorCertificate makes a certificate for a TLS client. The first 64 bytes of `name`
// become the common name, for people to read. `uuid` (36 characters) identifies the collector; the
// certificate contains it as the URI urn:uuid:<uuid>.
core::Result<CertPtr> MakeCollectorCertificate(const Issuer& issuer, EVP_PKEY* key,
                                               const std::string& name, const std::string& uuid,
                                               const IssueTime& time);

// HasServerNames is true if the certificate has exactly the names that MakeServerCertificate would
// write for `names`, in the same order.
bool HasServerNames(X509* certificate, const std::vector<std::string>& names);

// HasCrlUrl is true if `url` is the certificate's URL of the revocation list. If `url` is "", it is
// true if the certificate has no such URL.
bool HasCrlUrl(X509* certificate, const std::string& url);

// DigestFor returns a digest for signatures by `key` that is as strong as the key. It returns
// nullptr if the key's algorithm has a digest of its own (Ed25519, Ed448).
const EVP_MD* DigestFor(EVP_PKEY* key);

// NotBefore and NotAfter are the ends of the validity period, as Unix time in seconds. RenewAt is
// the time when two thirds of that period have passed.
int64_t NotBefore(const X509* certificate);
int64_t NotAfter(const X509* certificate);
int64_t RenewAt(const X509* certificate);

}  // namespace pganalytics::pki
