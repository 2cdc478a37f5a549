// HTTP delivery: a POST to a receiver whose URL somebody has given, and who may be anybody.
#pragma once

#include <vector>

#include "core/result.hpp"
#include "courier/address_guard.hpp"
#include "courier/transfer.hpp"

namespace pganalytics::courier {

class HttpDelivery : public Transfer {
  public:
    // Make prepares a delivery; `now` is Unix time in seconds. Errors, for which no other attempt
    // would do better: a URL that is malformed, has a password or another scheme than https and
    // http; a secret that is missing or cannot stand in a header.
    static core::Result<std::unique_ptr<Transfer>> Make(const Config& config, Parcel parcel,
                                                        int64_t now);

    Outcome Finish(CURLcode result) override;

  private:
    using UrlPtr = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

    HttpDelivery(const Config& config, Parcel parcel, UrlPtr url, Target target, std::string path);
    void SetRequest(int64_t now);
    // The callbacks of libcurl; `self` is the delivery.
    static curl_socket_t OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);
    static size_t TakeHeader(char* data, size_t size, size_t count, void* self);
    static size_t TakeBody(char* data, size_t size, size_t count, void* self);
    // What the receiver says, if it is fit for a log.
    std::string Excerpt() const;

    UrlPtr url_;
    const Target target_;
    const std::string path_;
    WipedList headers_;
    int opened_ = 0;              // connections that were begun
    std::string refused_;         // why the guard let one not be begun
    size_t header_bytes_ = 0;     // of all answers
    bool head_is_whole_ = false;  // of an answer that is not 1xx
    std::string body_;
};

}  // namespace pganalytics::courier
