// Issue: the three kinds of certificates that are made here. What a certificate says is decided
// here alone (RFC 5280); of who asks there is only the key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Issuer is an authority's certificate with its key, and where its revocation list is published,
// for the certificates it signs: a URL, or "".
struct Issuer {
    X509* certificate;
    EVP_PKEY* key;
    std::string crl_url = {};
};

// IssueTime: `now` is Unix time in seconds; a certificate is valid from shortly before it, for
// clocks that are behind, until `days` after it, and never longer than its issuer.
struct IssueTime {
    int64_t now;
    int64_t days;
};

// MakeRoot makes an authority: it signs itself, certificates and revocation lists, and no other
// authority. `name` becomes its common name.
core::Result<CertPtr> MakeRoot(EVP_PKEY* key, const std::string& name, const IssueTime& time);

// MakeServerCertificate is for TLS servers. `names` are DNS names and IP addresses; the first is
// the common name too; what is neither name nor address is left out. REQUIRES: at least one.
core::Result<CertPtr> MakeServerCertificate(const Issuer& issuer, EVP_PKEY* key,
                                            const std::vector<std::string>& names,
                                            const IssueTime& time);

// MakeCollectorCertificate is for TLS clients: `name` is the common name (its first 64 bytes), for
// people; what counts is `uuid`, 36 characters, in the URI urn:uuid:<uuid>.
core::Result<CertPtr> MakeCollectorCertificate(const Issuer& issuer, EVP_PKEY* key,
                                               const std::string& name, const std::string& uuid,
                                               const IssueTime& time);

// HasServerNames: the certificate holds the names that MakeServerCertificate would write for
// `names`, no more and no less.
bool HasServerNames(X509* certificate, const std::vector<std::string>& names);

// HasCrlUrl: the certificate says that the revocation list is at `url`; with "", that it says of
// none.
bool HasCrlUrl(X509* certificate, const std::string& url);

// DigestFor is the digest with which `key` signs: of its own strength; nullptr for keys that have
// it built in (Ed25519).
const EVP_MD* DigestFor(EVP_PKEY* key);

// NotBefore and NotAfter: Unix time in seconds. RenewAt: when two thirds of the life have passed.
int64_t NotBefore(const X509* certificate);
int64_t NotAfter(const X509* certificate);
int64_t RenewAt(const X509* certificate);

}  // namespace pganalytics::pki
