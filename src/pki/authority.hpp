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

// kAuthorityFile and the constants below name the files of an authority that is made here. During a
// rotation kAuthorityFile contains two certificates: first the new authority's, then the old one's.
// The new authority issues the collectors' certificates. The old authority's key still signs the
// old revocation list and the server's certificate, because some collectors know only the old
// authority.
inline constexpr char kAuthorityFile[] = "pganalytics_ca.crt";
inline constexpr char kAuthorityKeyFile[] = "pganalytics_ca.key";
inline constexpr char kNextAuthorityKeyFile[] = "pganalytics_ca_next.key";
inline constexpr char kOldAuthorityKeyFile[] = "pganalytics_ca_old.key";

struct AuthorityOptions {
    std::string directory;  // where the files are, if the authority is made here
    // The files of an administrator's authority. If both are "", an authority is made here.
    std::string cert_file;
    std::string key_file;
    std::string name;
    int64_t lifetime_days = 0;
    int64_t now = 0;  // Unix time in seconds
    PassphraseSource passphrase;
    std::string crl_url;  // written into issued certificates; "": none
};

class Authority {
  public:
    // Open reads the authority's files. If there is no authority, it makes one. If a crash
    // interrupted a change of the files, it completes or undoes the change. It appends to *notes
    // what it has done, for the log. Errors name the file. If the files of an authority made here
    // are faulty, Open fails: it never replaces that authority.
    static core::Result<Authority> Open(AuthorityOptions options, std::vector<std::string>* notes);

    // certificates returns the certificates of the trusted authorities. The first one issues the
    // collectors' certificates.
    const std::vector<CertPtr>& certificates() const { return certificates_; }
    const std::string& crl_url() const { return options_.crl_url; }
    bool given() const { return !options_.key_file.empty(); }
    bool IsReplaced() const { return !given() && certificates_.size() > 1; }

    // KeyOf returns certificate and key of the authority at `index` in certificates(). It reads the
    // key file only the first time.
    core::Result<Issuer> KeyOf(size_t index);

    // ServerIssuer is the index of the authority that signs the server's certificate. During a
    // rotation that is the old authority, from the beginning of its validity period until a tenth
    // of the period is left.
    size_t ServerIssuer() const;

    // IsEarly: the authority that issues is not valid yet. Either it was made while the clock was
    // ahead, or the clock is behind now. Nobody can tell which, so it is not replaced.
    bool IsEarly() const;

    // CheckLife fails if the authority that issues has expired: no certificate of it is valid then.
    core::Status CheckLife() const;

    // Rotate makes a new authority. From then on both authorities are trusted, and the new one
    // issues the collectors' certificates. Finish removes the old one. Errors:
    //   both: a file cannot be read or written
    //   Rotate: the authority is an administrator's, or a rotation is already in progress
    //   Finish: no rotation is in progress
    core::Status Rotate();
    core::Status Finish();

    // RotationDue is true if two thirds of the authority's validity period have passed and no
    // rotation is in progress. FinishDue is true if the old authority of a rotation has expired. An
    // administrator's authority is never due.
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
