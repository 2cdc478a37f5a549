// Tests of certificate requests: the collector's own, and those of others that are refused.
#include "pki/csr.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <functional>

namespace pganalytics::pki {
namespace {

using RequestPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;

std::string Der(X509_REQ* request) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_REQ(request, &bytes);
    std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

std::string Make(EVP_PKEY* key, const EVP_MD* digest = EVP_sha256(), EVP_PKEY* signer = nullptr,
                 const std::function<void(X509_REQ*)>& change = {}) {
    const RequestPtr request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key);
    if (change) change(request.get());
    X509_REQ_sign(request.get(), signer != nullptr ? signer : key, digest);
    return Der(request.get());
}

std::string Refusal(const std::string& der) {
    const auto key = CheckRequest(der);
    EXPECT_FALSE(key.ok());
    if (key.ok()) return "";
    EXPECT_EQ(key.error().status, 422);
    return key.error().message;
}

constexpr const char* kNotDer = "certificate request is not one request in DER (PKCS #10)";
constexpr const char* kBadKey = "key of the certificate request is not on P-256 or P-384";
constexpr const char* kNotProven = "certificate request is not signed by its key with SHA-2";

TEST(Csr, OursIsTaken) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const auto der = MakeRequest(key.get());
    ASSERT_TRUE(der.ok());
    const auto checked = CheckRequest(*der);
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    EXPECT_EQ(EVP_PKEY_eq(checked.value().get(), key.get()), 1);
}

TEST(Csr, WhatOthersAskForIsTakenAndSaysNothing) {
    const KeyPtr key(EVP_EC_gen("P-384"));
    const std::string der = Make(key.get(), EVP_sha384(), nullptr, [](X509_REQ* request) {
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("admin"), -1, -1, 0);
    });
    EXPECT_TRUE(CheckRequest(der).ok());
}

TEST(Csr, KeysOfOtherKindsAreRefused) {
    const KeyPtr rsa(EVP_RSA_gen(2048));
    EXPECT_EQ(Refusal(Make(rsa.get())), kBadKey);
    for (const char* curve : {"P-224", "P-521", "secp256k1", "brainpoolP256r1"}) {
        const KeyPtr key(EVP_EC_gen(curve));
        EXPECT_EQ(Refusal(Make(key.get())), kBadKey) << curve;
    }
    const KeyPtr ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    EXPECT_EQ(Refusal(Make(ed.get(), nullptr)), kBadKey);
}

TEST(Csr, CurvesWrittenOutAreRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "explicit"), 1);
    EXPECT_EQ(Refusal(Make(key.get())), kBadKey);
}

TEST(Csr, CompressedPointsAreRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "point-format", "compressed"), 1);
    EXPECT_EQ(Refusal(Make(key.get())), kBadKey);
}

TEST(Csr, WhoDoesNotHaveTheKeyIsRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const KeyPtr other(EVP_EC_gen("P-256"));
    EXPECT_EQ(Refusal(Make(key.get(), EVP_sha256(), other.get())), kNotProven);
    EXPECT_EQ(Refusal(Make(key.get(), EVP_sha1())), kNotProven);
    std::string changed = Make(key.get());
    changed[changed.size() - 1] = static_cast<char>(changed[changed.size() - 1] ^ 1);
    EXPECT_EQ(Refusal(changed), kNotProven);
}

TEST(Csr, EveryShorterLongerOrChangedRequestIsRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const std::string der = Make(key.get());
    for (size_t size = 0; size < der.size(); ++size) {
        EXPECT_FALSE(CheckRequest(der.substr(0, size)).ok()) << size;
    }
    EXPECT_EQ(Refusal(der + '\0'), kNotDer);
    EXPECT_EQ(Refusal(der + der), kNotDer);
    EXPECT_EQ(Refusal(std::string(kMaxRequestBytes + 1, '0')),
              "certificate request has more than 8192 bytes");
    size_t taken = 0;
    for (size_t at = 0; at < der.size() * 8; ++at) {
        std::string changed = der;
        changed[at / 8] = static_cast<char>(changed[at / 8] ^ (1 << (at % 8)));
        if (CheckRequest(changed).ok()) ++taken;
    }
    EXPECT_EQ(taken, 0u) << "of " << der.size() * 8 << " requests with one bit changed";
}

TEST(Csr, BerIsRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    std::string der = Make(key.get());
    ASSERT_EQ(static_cast<unsigned char>(der[1]), 0x81);
    // The outer length takes three bytes instead of two.
    EXPECT_EQ(Refusal(der.substr(0, 1) + std::string("\x82\x00", 2) + der.substr(2)), kNotDer);
    // The outer length is indefinite.
    EXPECT_EQ(Refusal(der.substr(0, 1) + "\x80" + der.substr(3) + std::string(2, '\0')), kNotDer);
}

TEST(Csr, OtherVersionsAreRefused) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const std::string der = Make(key.get(), EVP_sha256(), nullptr,
                                 [](X509_REQ* request) { X509_REQ_set_version(request, 2); });
    EXPECT_EQ(Refusal(der), "certificate request is not of version 1");
}

TEST(Csr, PemIsOneRequestAndNothingElse) {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const std::string der = Make(key.get());
    auto pem_of = [&der](const char* name) {
        const BioPtr out(BIO_new(BIO_s_mem()));
        PEM_write_bio(out.get(), name, "", reinterpret_cast<const unsigned char*>(der.data()),
                      static_cast<long>(der.size()));
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(out.get(), &bytes);
        return std::string(bytes, static_cast<size_t>(size));
    };
    const std::string pem = pem_of("CERTIFICATE REQUEST");
    for (const std::string& good : {pem, "\n " + pem + "\r\n", pem_of("NEW CERTIFICATE REQUEST")}) {
        const auto read = RequestFromPem(good);
        ASSERT_TRUE(read.ok());
        EXPECT_EQ(read.value(), der);
    }
    for (const std::string& bad :
         {std::string(), std::string("x"), pem + pem, pem + "x", "x\n" + pem, pem_of("CERTIFICATE"),
          pem.substr(0, pem.size() / 2), pem + std::string(1, '\0'),
          pem + std::string(3 * kMaxRequestBytes, ' ') + "x",
          std::string("-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n"
                      "-----END CERTIFICATE REQUEST-----\n")}) {
        const auto read = RequestFromPem(bad);
        EXPECT_FALSE(read.ok()) << bad;
        if (!read.ok()) {
            EXPECT_EQ(read.error().status, 422);
        }
    }
}

}  // namespace
}  // namespace pganalytics::pki
