// Fuzzes certificate requests, as PEM or DER: a request is refused, or gives a key for which a
// certificate can be made.
#include <cstdlib>
#include <string_view>

#include "pki/csr.hpp"
#include "pki/facts.hpp"
#include "pki/issue.hpp"
#include "pki/keys.hpp"

namespace {

using namespace pganalytics;

struct Root {
    pki::KeyPtr key = pki::MakeKey();
    pki::CertPtr certificate = std::move(*pki::MakeRoot(key.get(), "root", {1795000000, 3650}));
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    static const Root root;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto from_pem = pki::RequestFromPem(bytes);
    const auto key = pki::CheckRequest(from_pem.ok() ? std::string_view(from_pem.value()) : bytes);
    if (!key.ok()) {
        if (key.error().status != 422 || key.error().message.empty()) std::abort();
        return 0;
    }
    const auto made = pki::MakeCollectorCertificate(
        {root.certificate.get(), root.key.get()}, key.value().get(), "fuzz",
        "0b9d3e1a-6a0e-4b0f-8a39-6c1f0c4c7d11", {1795000000, 30});
    if (!made.ok() || pki::FactsOf(made.value().get()).serial.size() != 32) std::abort();
    return 0;
}
