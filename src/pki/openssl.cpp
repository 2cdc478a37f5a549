#include "pki/openssl.hpp"

#include <openssl/err.h>
#include <openssl/sha.h>

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

core::Sha256 Sha256Of(std::string_view bytes) {
    core::Sha256 digest;
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.bytes);
    return digest;
}

std::string Fingerprint(const X509* certificate) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) throw std::bad_alloc();
    return core::Hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace pganalytics::pki
