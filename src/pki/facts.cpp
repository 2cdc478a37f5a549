#include "pki/facts.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <new>

#include "core/text.hpp"
#include "pki/files.hpp"
#include "pki/issue.hpp"

namespace pganalytics::pki {
namespace {

constexpr size_t kKeyIdBytes = 20;

std::string HexOf(const ASN1_STRING* text) {
    if (text == nullptr) return {};
    return core::Hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text))});
}

std::string SerialOf(X509* certificate) {
    const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate);
    std::string hex = HexOf(serial);
    hex.erase(0, std::min(hex.find_first_not_of('0'), hex.size()));
    return hex.empty() ? "0" : hex;
}

std::string SubjectOf(const X509* certificate) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    // These flags leave UTF-8 unescaped. A value that is not text is written in hex.
    const unsigned long flags = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    if (out == nullptr ||
        X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, flags) < 0) {
        throw std::bad_alloc();
    }
    return std::string(BytesOf(out.get()));
}

std::string IssuerOf(X509* certificate) {
    std::string key_id = HexOf(X509_get0_authority_key_id(certificate));
    if (!key_id.empty()) return key_id;
    const bool own =
        X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
    if (own) key_id = KeyIdOf(certificate);
    if (!key_id.empty()) return key_id;
    const unsigned char* der = nullptr;
    size_t size = 0;
    X509_NAME_get0_der(X509_get_issuer_name(certificate), &der, &size);
    const core::Sha256 digest = Sha256Of({reinterpret_cast<const char*>(der), size});
    return core::Hex({reinterpret_cast<const char*>(digest.bytes), kKeyIdBytes});
}

}  // namespace

core::Sha256 SpkiSha256(EVP_PKEY* key) {
    unsigned char* bytes = nullptr;
    const int size = i2d_PUBKEY(key, &bytes);
    if (size < 0) throw std::bad_alloc();
    const core::Sha256 digest =
        Sha256Of({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
    OPENSSL_free(bytes);
    return digest;
}

std::string Pin(const core::Sha256& spki_sha256) {
    unsigned char text[64];
    const int size =
        EVP_EncodeBlock(text, spki_sha256.bytes, static_cast<int>(sizeof(spki_sha256.bytes)));
    return "sha256/" + std::string(reinterpret_cast<char*>(text), static_cast<size_t>(size));
}

std::string PemOf(X509* certificate) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio_X509(out.get(), certificate) != 1) throw std::bad_alloc();
    return std::string(BytesOf(out.get()));
}

std::string DerOf(const X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    if (size < 0) throw std::bad_alloc();
    std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return der;
}

std::string KeyIdOf(X509* certificate) { return HexOf(X509_get0_subject_key_id(certificate)); }

Facts FactsOf(X509* certificate) {
    Facts facts;
    facts.sha256 = Sha256Of(DerOf(certificate));
    facts.spki_sha256 = SpkiSha256(X509_get0_pubkey(certificate));
    facts.not_before = NotBefore(certificate);
    facts.not_after = NotAfter(certificate);
    facts.serial = SerialOf(certificate);
    facts.issuer = IssuerOf(certificate);
    facts.key_id = KeyIdOf(certificate);
    facts.subject = SubjectOf(certificate);
    facts.pem = PemOf(certificate);
    return facts;
}

}  // namespace pganalytics::pki
