// Authority: the certificate authority. Its files are either made here or given by an
// administrator. A crash between the writes of any two files does no harm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/crl.hpp"
#include "pki/keys.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Names of the files of a made authority. During a rotation the certificate file has both
// authorities, the new one first; the new one issues the collectors' certificates. The key of the
// old one still signs the old revocation list and the server's certificate, because some collectors
// know only the old authority.
inline constexpr char kAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kAuthorityKeyFile[] = "pganalytics_ca.key";
inline constexpr char kNextAuthorityKeyFile[] = "pganalytics_ca_next.key";
inline constexpr char kOldAuthorityKeyFile[] = "pganalytics_ca_old.key";

struct AuthorityOptions {
    std::string directory;  // for the files of a made authority
    std::string cert_file;  // of a given authority, with key_file; both "": make an authority
    std::string key_file;
    std::string name;
    int64_t lifetime_days = 0;
    int64_t now = 0;  // Unix time in seconds
    PassphraseSource passphrase;
    std::string crl_url;  // for issued certificates; "": none
};

class Authority {
  public:
    // Open reads the files, completes a change that a crash interrupted, and makes an authority if
    // there is none. It adds sentences about what it did to *notes, for the log. Errors name the
    // file. It never replaces a made authority because of a fault in its files.
    static core::Result<Authority> Open(AuthorityOptions options, std::vector<std::string>* notes);

    // certificates are the trusted authorities; the first one issues.
    const std::vector<CertPtr>& certificates() const { return certificates_; }
    const std::string& crl_url() const { return options_.crl_url; }
    bool given() const { return !options_.key_file.empty(); }
    bool IsReplaced() const { return !given() && certificates_.size() > 1; }

    // KeyOf reads the key of an authority's certificate and keeps it for later calls.
    core::Result<Issuer> KeyOf(size_t index);

    // ServerIssuer is the index of the authority that signs the server's certificate. During a
    // rotation that is the old one, from the beginning of its validity period until a tenth of it
    // is left.
    size_t ServerIssuer() const;

    // IsEarly: the authority that issues is not valid yet. Either it was made while the clock was
    // ahead, or the clock is behind now. Which one it is, nobody can tell, so it is not replaced.
    bool IsEarly() const;

    // Rotate makes a new authority, which issues from then on; both are trusted. Finish removes the
    // old one. Errors: the authority is given; a rotation is already in progress (Rotate) or is not
    // (Finish); a file cannot be read or written.
    core::Status Rotate();
    core::Status Finish();

    // RotationDue: two thirds of the authority's validity period have passed. FinishDue: the old
    // authority of a rotation has expired.
    bool RotationDue() const;
    bool FinishDue() const;

  private:
    explicit Authority(AuthorityOptions options) : options_(std::move(options)) {}
    core::Status OpenMade(std::vector<std::string>* notes);
    core::Status Recover(std::vector<std::string>* notes);
    core::Status WriteCertificates();
    std::string Path(const char* name) const { return options_.directory + "/" + name; }

    AuthorityOptions options_;
    std::vector<CertPtr> certificates_;
    std::vector<KeyPtr> keys_;  // same order as certificates_; null until used
};

}  // namespace pganalytics::pki
