// Fuzzes client certificates: a certificate that OpenSSL can read is refused, or names a collector
// by one UUID that is in its text.
#include <openssl/err.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "core/utf8.hpp"
#include "pki/client_certificate.hpp"

namespace {

using namespace pganalytics;

void Require(bool condition) {
    if (!condition) std::abort();
}

bool IsLowerHex(const std::string& text) {
    return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const unsigned char* at = data;
    const pki::CertPtr certificate(d2i_X509(nullptr, &at, static_cast<long>(size)));
    ERR_clear_error();
    if (certificate == nullptr) return 0;
    static_cast<void>(pki::CheckStrength(certificate.get()));
    const auto collector = pki::CollectorOf(certificate.get());
    const auto read = pki::ReadClientCertificate(certificate.get(), certificate.get());
    if (!collector) {
        Require(!read.ok() && collector.error().status == 403);
        return 0;
    }
    if (!read) return 0;  // its validity was refused
    Require(read->collector_id == *collector && !(*collector == core::Uuid{}));
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Require(text.find("urn:uuid:" + core::FormatUuid(*collector)) != std::string_view::npos);
    Require(!read->serial.empty() && read->serial.size() <= 40 && read->serial[0] != '0');
    Require(IsLowerHex(read->serial) && IsLowerHex(read->issuer));
    Require(core::IsValidUtf8(read->subject));
    // The stored DER must be the same certificate.
    at = reinterpret_cast<const unsigned char*>(read->der.data());
    const pki::CertPtr again(d2i_X509(nullptr, &at, static_cast<long>(read->der.size())));
    Require(again != nullptr && pki::CertificateSha256(again.get()) == read->sha256);
    return 0;
}
