// Authority: the certificate authority's files, made here or given by an administrator, and what
// they are used for. It survives a crash between any two of its files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "pki/crl.hpp"
#include "pki/keys.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Names of the files of a made authority. While one replaces another, the certificate file holds
// both, first the one that issues; the key of the other goes on signing its revocation list and
// the server's certificate, which collectors that know only the old one must be able to verify.
inline constexpr char kAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kAuthorityKeyFile[] = "pganalytics_ca.key";
inline constexpr char kNextAuthorityKeyFile[] = "pganalytics_ca_next.key";
inline constexpr char kOldAuthorityKeyFile[] = "pganalytics_ca_old.key";

struct AuthorityOptions {
    std::string directory;  // of the files of a made authority
    std::string cert_file;  // of a given one, with its key; both empty: made
    std::string key_file;
    std::string name;
    int64_t lifetime_days = 0;
    int64_t now = 0;  // Unix time in seconds
    PassphraseSource passphrase;
    std::string crl_url;  // for what it issues; "": none
};

class Authority {
  public:
    // Open reads the files, ends a change that a crash has interrupted, and makes an authority if
    // there is none. What it has done is told by *notes, sentences for a log. Errors name the file.
    // A made authority is never replaced because something is wrong with it.
    static core::Result<Authority> Open(AuthorityOptions options, std::vector<std::string>* notes);

    // certificates: those that are trusted, first the one that issues.
    const std::vector<CertPtr>& certificates() const { return certificates_; }
    const std::string& crl_url() const { return options_.crl_url; }
    bool given() const { return !options_.key_file.empty(); }
    bool IsReplaced() const { return !given() && certificates_.size() > 1; }

    // KeyOf reads the key of a certificate of the authority, once.
    core::Result<Issuer> KeyOf(size_t index);

    // ServerIssuer is who signs the server's certificate: while one authority replaces the other,
    // the old one, until a tenth of its life is left.
    size_t ServerIssuer() const;

    // Rotate makes another authority, which issues from then on; both are trusted. Finish removes
    // the old one. Errors: given, not in that state, files.
    core::Status Rotate();
    core::Status Finish();

    // RotationDue: two thirds of its life have passed. FinishDue: the old one has expired.
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
    std::vector<KeyPtr> keys_;  // as certificates_; null until it is used
};

}  // namespace pganalytics::pki
