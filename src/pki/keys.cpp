#include "pki/keys.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <new>

#include "pki/files.hpp"

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;
using core::Status;

constexpr const char* kWhat = "private key file";
// kIterations follows OWASP's recommendation for PBKDF2-HMAC-SHA256. So many iterations take a
// tenth of a second.
constexpr int kIterations = 600000;

std::string Quoted(const std::string& file) { return std::string(kWhat) + " \"" + file + "\""; }

// Asked is the context of OpenSSL's passphrase callback.
struct Asked {
    const PassphraseSource* source;
    bool encrypted = false;
    std::string error;
};

int GivePassphrase(char* buffer, int size, int, void* context) {
    auto* const asked = static_cast<Asked*>(context);
    asked->encrypted = true;
    const auto secret = (*asked->source)();
    if (!secret) {
        asked->error = secret.error().message;
        return -1;
    }
    if (*secret == nullptr) return -1;
    const std::string& text = secret.value()->text();
    if (text.size() > static_cast<size_t>(size)) return -1;
    return static_cast<int>(text.copy(buffer, text.size()));
}

}  // namespace

Result<const Secret*> NoPassphrase() { return static_cast<const Secret*>(nullptr); }

KeyPtr MakeKey() {
    KeyPtr key(EVP_EC_gen("P-256"));
    if (key == nullptr) throw std::bad_alloc();
    return key;
}

Result<KeyPtr> ReadKey(const std::string& file, const PassphraseSource& passphrase) {
    struct stat status = {};
    auto bio = ReadFile(kWhat, file, &status);
    if (!bio) return bio.error();
    const mode_t forbidden = status.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((status.st_mode & forbidden) != 0) {
        return Error{Quoted(file) +
                     " has group or world access: it must be 0600, or 0640 when root owns it"};
    }
    Asked asked{&passphrase, false, {}};
    KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, &GivePassphrase, &asked));
    const std::string reason = OpensslError();
    if (!asked.error.empty()) return Error{asked.error};
    if (key != nullptr) return key;
    if (!asked.encrypted) return Error{"could not read " + Quoted(file) + ": " + reason};
    const auto secret = passphrase();
    return Error{Quoted(file) + (secret && *secret != nullptr
                                     ? " could not be decrypted with the passphrase"
                                     : " is protected by a passphrase")};
}

Status WriteKey(const std::string& file, EVP_PKEY* key, const PassphraseSource& passphrase) {
    using InfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;
    using SealedPtr = std::unique_ptr<X509_SIG, Freer<X509_SIG_free>>;
    const auto secret = passphrase();
    if (!secret) return secret.error();
    const InfoPtr info(EVP_PKEY2PKCS8(key));
    const BioPtr out(BIO_new(BIO_s_secmem()));
    bool good = info != nullptr && out != nullptr;
    if (good && *secret == nullptr) {
        good = PEM_write_bio_PKCS8_PRIV_KEY_INFO(out.get(), info.get()) == 1;
    } else if (good) {
        const std::string& text = secret.value()->text();
        const SealedPtr sealed(PKCS8_encrypt(-1, EVP_aes_256_cbc(), text.data(),
                                             static_cast<int>(text.size()), nullptr, 0, kIterations,
                                             info.get()));
        good = sealed != nullptr && PEM_write_bio_PKCS8(out.get(), sealed.get()) == 1;
    }
    if (!good) return Error{"could not write " + Quoted(file) + ": " + OpensslError()};
    return WriteFile(file, kKeyMode, BytesOf(out.get()));
}

}  // namespace pganalytics::pki
