// Keys: private keys made, written to files and read from them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

// Secret is text that is wiped from memory when it goes.
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

// PassphraseSource gives the passphrase of a key, nullptr if there is none for it. Called when an
// encrypted key is read and when a key is written, perhaps never.
using PassphraseSource = std::function<core::Result<const Secret*>()>;
core::Result<const Secret*> NoPassphrase();

// MakeKey makes a key on P-256. Throws std::bad_alloc if the system gives no random numbers.
KeyPtr MakeKey();

// ReadKey reads a PEM file. Errors name the file and the reason: missing, unreadable, no key, a
// key that others may read (as PostgreSQL has it: no access for group and world, or 0640 when root
// owns it), a key that is protected by a passphrase and there is none or a wrong one.
core::Result<KeyPtr> ReadKey(const std::string& file, const PassphraseSource& passphrase);

// WriteKey writes PKCS #8, mode 0600, whole or not at all; with a passphrase encrypted by AES-256
// and PBKDF2.
core::Status WriteKey(const std::string& file, EVP_PKEY* key, const PassphraseSource& passphrase);

}  // namespace pganalytics::pki
