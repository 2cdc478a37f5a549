// Keys: makes private keys, writes them to files and reads them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Secret is text that is wiped from memory by its destructor.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    ~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {}
    Secret& operator=(Secret&& other) noexcept {
        text_.swap(other.text_);
        return *this;
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// PassphraseSource returns the passphrase of a key; nullptr if there is none. It is called only
// when an encrypted key is read or when a key is written.
using PassphraseSource = std::function<core::Result<const Secret*>()>;
core::Result<const Secret*> NoPassphrase();

// MakeKey makes a key on P-256. Throws std::bad_alloc if the system gives no random numbers.
KeyPtr MakeKey();

// ReadKey reads a PEM file. Errors name the file and the reason: missing, unreadable, no key, a key
// that others may read (PostgreSQL's rule: no access for group and world, or 0640 if root owns it),
// an encrypted key with no passphrase or a wrong one.
core::Result<KeyPtr> ReadKey(const std::string& file, const PassphraseSource& passphrase);

// WriteKey writes a key as PKCS #8 to a file of mode 0600, whole or not at all. If there is a
// passphrase, it encrypts the key with AES-256 and PBKDF2.
core::Status WriteKey(const std::string& file, EVP_PKEY* key, const PassphraseSource& passphrase);

}  // namespace pganalytics::pki
