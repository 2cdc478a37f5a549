// Identity: a server's certificate, its key and the authorities it trusts, read from files.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

struct ServerIdentity {
    CertPtr certificate;
    std::vector<CertPtr> chain;  // intermediate certificates, in the file's order
    KeyPtr key;
    std::string sha256;  // Fingerprint of the certificate
};

// LoadServerIdentity reads PEM files. Errors name the file and the reason: missing, unreadable, not
// PEM, a key that others may read (PostgreSQL's rule: no access for group and world, or 0640 if
// root owns it), a key with a passphrase, a key that does not belong to the certificate.
core::Result<ServerIdentity> LoadServerIdentity(const std::string& cert_file,
                                                const std::string& key_file);

// LoadAuthorities reads all certificates of a PEM file, for example those of the authorities that
// sign client certificates. Errors name the file and the reason: missing, unreadable, not PEM, no
// certificate in it.
core::Result<std::vector<CertPtr>> LoadAuthorities(const std::string& ca_file);

// LoadRevocationLists reads certificate revocation lists in PEM. Each authority may have only one
// list: of two lists made in the same second, OpenSSL uses the first, even if the second is newer.
// Signatures and times are checked when a list is used. Errors name the file and the reason:
// missing, unreadable, not PEM, no list in it, two lists of one authority.
core::Result<std::vector<CrlPtr>> LoadRevocationLists(const std::string& crl_file);

}  // namespace pganalytics::pki
