#include "pki/csr.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>

namespace pganalytics::pki {
namespace {

using core::Error;
using core::Result;

constexpr int kUnprocessable = 422;
constexpr std::string_view kPemName = "CERTIFICATE REQUEST";
constexpr std::string_view kOldPemName = "NEW CERTIFICATE REQUEST";

using RequestPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;

Error Refusal(std::string message) { return {std::move(message), kUnprocessable}; }

std::string DerOf(X509_REQ* request) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_REQ(request, &bytes);
    if (size < 0) return {};
    std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

// IsAllowedKey accepts only a key on P-256 or P-384 with an uncompressed point. The strength of
// these curves is undisputed, and their signatures are fast to verify.
bool IsAllowedKey(EVP_PKEY* key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return false;
    char group[32];
    size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &size) != 1) return false;
    if (EVP_PKEY_get_ec_point_conv_form(key) != POINT_CONVERSION_UNCOMPRESSED) return false;
    const int nid = OBJ_sn2nid(group);
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1;
}

// HasNamedCurve refuses a key whose curve is given by explicit parameters, because these can
// describe any curve (CVE-2020-0601). It looks at the encoding: if explicit parameters describe a
// known curve, OpenSSL reports that curve's name.
bool HasNamedCurve(X509_REQ* request) {
    X509_ALGOR* algorithm = nullptr;
    if (X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm,
                               X509_REQ_get_X509_PUBKEY(request)) != 1) {
        return false;
    }
    int type = 0;
    X509_ALGOR_get0(nullptr, &type, nullptr, algorithm);
    return type == V_ASN1_OBJECT;
}

bool IsAllowedSignature(const X509_REQ* request) {
    const int nid = X509_REQ_get_signature_nid(request);
    return nid == NID_ecdsa_with_SHA256 || nid == NID_ecdsa_with_SHA384 ||
           nid == NID_ecdsa_with_SHA512;
}

}  // namespace

Result<std::string> MakeRequest(EVP_PKEY* key) {
    const RequestPtr request(X509_REQ_new());
    const bool good = request != nullptr &&
                      X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                      X509_REQ_set_pubkey(request.get(), key) == 1 &&
                      X509_REQ_sign(request.get(), key, EVP_sha256()) != 0;
    std::string der = good ? DerOf(request.get()) : std::string();
    if (der.empty()) return Error{"could not make a certificate request: " + OpensslError()};
    return der;
}

Result<KeyPtr> CheckRequest(std::string_view der) {
    if (der.size() > kMaxRequestBytes) {
        return Refusal("certificate request has more than " + std::to_string(kMaxRequestBytes) +
                       " bytes");
    }
    const auto* next = reinterpret_cast<const unsigned char*>(der.data());
    const RequestPtr request(d2i_X509_REQ(nullptr, &next, static_cast<long>(der.size())));
    OpensslError();
    const bool whole = request != nullptr &&
                       next == reinterpret_cast<const unsigned char*>(der.data()) + der.size();
    // OpenSSL also accepts some BER, so encode the request again and compare. For some parts
    // OpenSSL returns the received bytes, so the comparison does not check these parts. We use only
    // one of them, the key, which is decoded below.
    if (!whole || DerOf(request.get()) != der) {
        return Refusal("certificate request is not one request in DER (PKCS #10)");
    }
    if (X509_REQ_get_version(request.get()) != X509_REQ_VERSION_1) {
        return Refusal("certificate request is not of version 1");
    }
    KeyPtr key(X509_REQ_get_pubkey(request.get()));
    OpensslError();
    if (key == nullptr || !HasNamedCurve(request.get()) || !IsAllowedKey(key.get())) {
        return Refusal("key of the certificate request is not on P-256 or P-384");
    }
    const bool proven =
        IsAllowedSignature(request.get()) && X509_REQ_verify(request.get(), key.get()) == 1;
    OpensslError();
    if (!proven) return Refusal("certificate request is not signed by its key with SHA-2");
    return key;
}

Result<std::string> RequestFromPem(std::string_view pem) {
    const Error refusal = Refusal("certificate request is not one CERTIFICATE REQUEST in PEM");
    auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!pem.empty() && is_space(pem.front())) pem.remove_prefix(1);
    while (!pem.empty() && is_space(pem.back())) pem.remove_suffix(1);
    // In PEM a request is about one and a half times as long as in DER.
    if (pem.size() > 2 * kMaxRequestBytes || !pem.starts_with("-----BEGIN ") ||
        std::count(pem.begin(), pem.end(), '\0') != 0 || pem.find("-----BEGIN ", 1) != pem.npos) {
        return refusal;
    }
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* bytes = nullptr;
    long size = 0;
    const bool read = in != nullptr && PEM_read_bio(in.get(), &name, &header, &bytes, &size) == 1;
    OpensslError();
    const bool good = read && (name == kPemName || name == kOldPemName) && *header == '\0' &&
                      BIO_pending(in.get()) == 0;
    std::string der;
    if (good) der.assign(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(bytes);
    if (!good) return refusal;
    return der;
}

}  // namespace pganalytics::pki
