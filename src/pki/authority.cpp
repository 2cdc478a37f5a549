#include "pki/authority.hpp"

#include <openssl/pem.h>

#include <utility>

#include "pki/files.hpp"
#include "pki/identity.hpp"
#include "pki/issue.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

bool Fits(const CertPtr& certificate, const KeyPtr& key) {
    const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
    OpensslError();
    return fits;
}

Error NotItsKey(const std::string& key_file, const std::string& cert_file) {
    return {"private key file \"" + key_file + "\" does not belong to the first certificate in \"" +
            cert_file + "\""};
}

}  // namespace

Result<Authority> Authority::Open(AuthorityOptions options, std::vector<std::string>* notes) {
    Authority authority(std::move(options));
    const AuthorityOptions& o = authority.options_;
    if (authority.given()) {
        if (o.cert_file.empty()) {
            return Error{"the authority's key is given without its certificate"};
        }
        auto loaded = LoadAuthorities(o.cert_file);
        if (!loaded) return loaded.error();
        authority.certificates_ = std::move(*loaded);
        if (X509_check_ca(authority.certificates_.front().get()) != 1) {
            return Error{"first certificate in \"" + o.cert_file + "\" is not an authority's"};
        }
    } else if (Status opened = authority.OpenMade(notes); !opened) {
        return opened.error();
    }
    authority.keys_.resize(authority.certificates_.size());
    return authority;
}

Status Authority::OpenMade(std::vector<std::string>* notes) {
    auto exists = Exists(Path(kAuthorityFile));
    if (!exists) return exists.error();
    if (*exists) {
        auto loaded = LoadAuthorities(Path(kAuthorityFile));
        if (!loaded) return loaded.error();
        certificates_ = std::move(*loaded);
        return Recover(notes);
    }
    // A crash may have left a key without its certificate. That key has signed nothing, so it can
    // be used.
    auto has_key = Exists(Path(kAuthorityKeyFile));
    if (!has_key) return has_key.error();
    KeyPtr key;
    if (*has_key) {
        auto read = ReadKey(Path(kAuthorityKeyFile), options_.passphrase);
        if (!read) return read.error();
        key = std::move(*read);
    } else {
        key = MakeKey();
        Status written = WriteKey(Path(kAuthorityKeyFile), key.get(), options_.passphrase);
        if (!written) return written;
    }
    auto root = MakeRoot(key.get(), options_.name, {options_.now, options_.lifetime_days});
    if (!root) return root.error();
    certificates_.push_back(std::move(*root));
    notes->push_back("made the certificate authority \"" + options_.name + "\" with key file \"" +
                     kAuthorityKeyFile + "\"");
    return WriteCertificates();
}

// Recover completes or undoes an interrupted Rotate, and completes an interrupted Finish. The
// certificate file shows whether the change had taken effect.
Status Authority::Recover(std::vector<std::string>* notes) {
    auto has_next = Exists(Path(kNextAuthorityKeyFile));
    if (!has_next) return has_next.error();
    if (*has_next) {
        auto next = ReadKey(Path(kNextAuthorityKeyFile), options_.passphrase);
        if (!next) return next.error();
        notes->push_back("ended a change of the certificate authority that was interrupted");
        if (Fits(certificates_.front(), *next)) {
            return RenameFile(Path(kNextAuthorityKeyFile), Path(kAuthorityKeyFile));
        }
        Status removed = RemoveFile(Path(kNextAuthorityKeyFile));
        if (!removed) return removed;
    }
    if (certificates_.size() > 1) return Unit{};
    auto has_old = Exists(Path(kOldAuthorityKeyFile));
    if (!has_old) return has_old.error();
    return *has_old ? RemoveFile(Path(kOldAuthorityKeyFile)) : Status(Unit{});
}

Status Authority::WriteCertificates() {
    std::string text;
    for (const CertPtr& certificate : certificates_) {
        const BioPtr out(BIO_new(BIO_s_mem()));
        if (out == nullptr || PEM_write_bio_X509(out.get(), certificate.get()) != 1) {
            return Error{"could not write a certificate: " + OpensslError()};
        }
        text += BytesOf(out.get());
    }
    return WriteFile(Path(kAuthorityFile), kCertificateMode, text);
}

Result<Issuer> Authority::KeyOf(size_t index) {
    const CertPtr& certificate = certificates_[index];
    KeyPtr& key = keys_[index];
    if (key == nullptr) {
        const std::string file = given()
                                     ? options_.key_file
                                     : Path(index == 0 ? kAuthorityKeyFile : kOldAuthorityKeyFile);
        auto read = ReadKey(file, options_.passphrase);
        if (!read) return read.error();
        if (!Fits(certificate, *read)) {
            return NotItsKey(file, given() ? options_.cert_file : kAuthorityFile);
        }
        key = std::move(*read);
    }
    return Issuer{certificate.get(), key.get(), options_.crl_url};
}

size_t Authority::ServerIssuer() const {
    if (!IsReplaced()) return 0;
    const X509* const old = certificates_[1].get();
    const int64_t begin = NotBefore(old);
    const int64_t life = NotAfter(old) - begin;
    return begin <= options_.now && options_.now < NotAfter(old) - life / 10 ? 1 : 0;
}

bool Authority::IsEarly() const { return options_.now < NotBefore(certificates_.front().get()); }

Status Authority::CheckLife() const {
    if (options_.now < NotAfter(certificates_.front().get())) return Unit{};
    return Error{"the first certificate in \"" +
                 (given() ? options_.cert_file : Path(kAuthorityFile)) + "\" has expired"};
}

Status Authority::Rotate() {
    if (given()) return Error{"the certificate authority is an administrator's"};
    if (IsReplaced()) return Error{"the certificate authority is being replaced already"};
    auto old = KeyOf(0);
    if (!old) return old.error();
    KeyPtr key = MakeKey();
    auto root = MakeRoot(key.get(), options_.name, {options_.now, options_.lifetime_days});
    if (!root) return root.error();
    Status done = WriteKey(Path(kNextAuthorityKeyFile), key.get(), options_.passphrase);
    if (done) done = WriteKey(Path(kOldAuthorityKeyFile), old->key, options_.passphrase);
    if (!done) return done;
    certificates_.insert(certificates_.begin(), std::move(*root));
    keys_.insert(keys_.begin(), std::move(key));
    done = WriteCertificates();
    if (done) done = RenameFile(Path(kNextAuthorityKeyFile), Path(kAuthorityKeyFile));
    return done;
}

Status Authority::Finish() {
    if (!IsReplaced()) return Error{"the certificate authority is not being replaced"};
    certificates_.resize(1);
    keys_.resize(1);
    Status done = WriteCertificates();
    if (done) done = RemoveFile(Path(kOldAuthorityKeyFile));
    return done;
}

bool Authority::RotationDue() const {
    return !given() && !IsReplaced() && options_.now >= RenewAt(certificates_.front().get());
}

bool Authority::FinishDue() const {
    return IsReplaced() && options_.now >= NotAfter(certificates_[1].get());
}

}  // namespace pganalytics::pki
