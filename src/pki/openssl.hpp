// OpenSSL: owners of OpenSSL's handles, SHA-256, and the error queue as text.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace pganalytics::pki {

template <auto kFree>
struct Freer {
    template <typename T>
    void operator()(T* handle) const {
        kFree(handle);
    }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

// OpensslError returns the oldest error in OpenSSL's queue and empties the queue.
std::string OpensslError();

// Sha256Of hashes the parts one after the other (FIPS 180-4).
core::Sha256 Sha256Of(std::initializer_list<std::string_view> parts);
inline core::Sha256 Sha256Of(std::string_view bytes) { return Sha256Of({bytes}); }

// Fingerprint is the SHA-256 of a certificate's DER, lower-case hex.
std::string Fingerprint(const X509* certificate);

}  // namespace pganalytics::pki
