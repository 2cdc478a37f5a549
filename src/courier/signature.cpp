#include "courier/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>
#include <new>

#include "core/text.hpp"

namespace pganalytics::courier {
namespace {

constexpr size_t kIdBytes = 16;

std::string_view View(const unsigned char* bytes, size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::string SignatureOf(std::string_view secret, std::string_view body, int64_t now) {
    const std::string time = std::to_string(now);
    std::string message = time + ".";
    message += body;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac,
             &size) == nullptr) {
        throw std::bad_alloc();
    }
    return "t=" + time + ",v1=" + core::Hex(View(mac, size));
}

std::string DeliveryId(const protocol::Delivery& delivery) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : {delivery.key, delivery.subject, delivery.body}) {
        // Hash each length first, so that two different lists of parts never give the same bytes.
        const uint64_t length = part.size();
        good = good && EVP_DigestUpdate(context.get(), &length, sizeof(length)) == 1 &&
               EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    }
    if (!good || EVP_DigestFinal_ex(context.get(), digest, &size) != 1) throw std::bad_alloc();
    return core::Hex(View(digest, kIdBytes));
}

}  // namespace pganalytics::courier
