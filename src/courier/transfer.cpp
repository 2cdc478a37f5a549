#include "courier/transfer.hpp"

#include <openssl/crypto.h>

#include <cstring>

namespace pganalytics::courier {

WipedList::~WipedList() {
    for (curl_slist* line = list_; line != nullptr; line = line->next) {
        OPENSSL_cleanse(line->data, std::strlen(line->data));
    }
    curl_slist_free_all(list_);
}

void WipedList::Add(const std::string& line) {
    curl_slist* const longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
}

Transfer::Transfer(const Config& config, Parcel parcel)
    : config_(config), parcel_(std::move(parcel)), easy_(curl_easy_init(), &curl_easy_cleanup) {
    if (!easy_) throw std::bad_alloc();
    Set(CURLOPT_ERRORBUFFER, error_.data());
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_timeout_ms));
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(config.timeout_ms));
    // Each delivery makes, checks and verifies a connection of its own, and resolves the name anew.
    Set(CURLOPT_FRESH_CONNECT, 1L);
    Set(CURLOPT_FORBID_REUSE, 1L);
    Set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    Set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
#if LIBCURL_VERSION_NUM >= 0x075700
    // Without this option, a delivery that ends during its name lookup would wait for the lookup
    // thread and block all other deliveries. The thread ends by itself.
    Set(CURLOPT_QUICK_EXIT, 1L);
#endif
}

std::string Transfer::Reason(CURLcode result) const {
    constexpr size_t kMaxReasonBytes = 300;
    const char* const reason = error_[0] != '\0' ? error_.data() : curl_easy_strerror(result);
    return Printable(reason, kMaxReasonBytes);
}

uint32_t Transfer::Status() const {
    long status = 0;
    curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
    return static_cast<uint32_t>(status);
}

}  // namespace pganalytics::courier
