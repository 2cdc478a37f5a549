// HTTP delivery: a POST to a receiver. A user has entered the URL, so the receiver is not trusted.
#pragma once

#include <vector>

#include "core/result.hpp"
#include "courier/address_guard.hpp"
#include "courier/transfer.hpp"

namespace pganalytics::courier {

class HttpDelivery : public Transfer {
  public:
    // Make prepares a delivery; `now` is Unix time in seconds. Its errors are final, because a
    // retry would not help:
    //   * The URL is malformed, has a user name or a password, or is neither https nor http.
    //   * The content type is malformed.
    //   * The secret is missing or cannot stand in a header.
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
    // Excerpt returns the beginning of the answer's body; "" if the body repeats a secret.
    std::string Excerpt() const;

    UrlPtr url_;
    const Target target_;
    const std::string path_;
    WipedList headers_;
    int opened_ = 0;              // connections that were started
    std::string refused_;         // why the address guard refused a connection
    size_t header_bytes_ = 0;     // bytes of all answers' heads, 1xx too
    bool head_is_whole_ = false;  // the head of an answer other than 1xx has come
    std::string body_;
};

}  // namespace pganalytics::courier
