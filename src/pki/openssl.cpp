#include "pki/openssl.hpp"

#include <openssl/err.h>

#include <new>

#include "core/text.hpp"

namespace pganalytics::pki {

std::string OpensslError() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "unknown error";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

core::Sha256 Sha256Of(std::initializer_list<std::string_view> parts) {
    const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    core::Sha256 digest;
    bool good = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : parts) {
        good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    }
    if (!good || EVP_DigestFinal_ex(context.get(), digest.bytes, nullptr) != 1) {
        throw std::bad_alloc();
    }
    return digest;
}

std::string Fingerprint(const X509* certificate) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) throw std::bad_alloc();
    return core::Hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace pganalytics::pki
