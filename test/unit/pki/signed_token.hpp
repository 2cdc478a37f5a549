// MakeToken and Sign make tokens, valid and invalid ones, for tests and fuzzers.
#pragma once

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <string>

#include "pki/jwt/base64url.hpp"
#include "pki/openssl.hpp"

namespace pganalytics::pki {

inline KeyPtr MakeKey(const char* curve = "P-256") { return KeyPtr(EVP_EC_gen(curve)); }

// PointOf gives the key's uncompressed point.
inline std::string PointOf(EVP_PKEY* key) {
    unsigned char* bytes = nullptr;
    EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed");
    const size_t size = EVP_PKEY_get1_encoded_public_key(key, &bytes);
    std::string point(reinterpret_cast<char*>(bytes), size);
    OPENSSL_free(bytes);
    return point;
}

// Sign returns r and s of an ECDSA signature, each of `coordinate_bytes`.
inline std::string Sign(EVP_PKEY* key, const std::string& text, const EVP_MD* digest = EVP_sha256(),
                        int coordinate_bytes = 32) {
    const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    unsigned char der[256];
    size_t size = sizeof(der);
    if (EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), der, &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
        std::abort();
    }
    const unsigned char* at = der;
    const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>> pair(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
    std::string raw(2 * static_cast<size_t>(coordinate_bytes), '\0');
    auto* to = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), to, coordinate_bytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), to + coordinate_bytes, coordinate_bytes);
    return raw;
}

inline std::string MakeToken(EVP_PKEY* key, const std::string& header, const std::string& claims) {
    const std::string text = EncodeBase64Url(header) + "." + EncodeBase64Url(claims);
    return text + "." + EncodeBase64Url(Sign(key, text));
}

}  // namespace pganalytics::pki
