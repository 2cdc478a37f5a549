// Transfer: one delivery in progress. It is the base of HttpDelivery and MailDelivery.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <new>
#include <string>

#include "courier/config.hpp"
#include "courier/outcome.hpp"
#include "courier/payload.hpp"

namespace pganalytics::courier {

// Parcel is a delivery together with the payload into which its texts point.
struct Parcel {
    Payload payload;
    protocol::Delivery delivery;
};

// WipedList is a list of lines for libcurl. Its destructor overwrites the lines.
class WipedList {
  public:
    WipedList() = default;
    ~WipedList();
    WipedList(const WipedList&) = delete;
    WipedList& operator=(const WipedList&) = delete;

    void Add(const std::string& line);
    curl_slist* get() const { return list_; }

  private:
    curl_slist* list_ = nullptr;
};

// Transfer owns a handle of libcurl. It cannot be moved, because libcurl has pointers into it.
class Transfer {
  public:
    // REQUIRES: `config` outlives the transfer.
    Transfer(const Config& config, Parcel parcel);
    virtual ~Transfer() = default;
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* easy() const { return easy_.get(); }

    // Finish returns the outcome. REQUIRES: libcurl has ended the transfer with `result`.
    virtual Outcome Finish(CURLcode result) = 0;

  protected:
    template <typename T>
    void Set(CURLoption option, T value) {
        if (curl_easy_setopt(easy(), option, value) != CURLE_OK) throw std::bad_alloc();
    }
    const protocol::Delivery& delivery() const { return parcel_.delivery; }
    // Reason returns libcurl's error message for `result`.
    std::string Reason(CURLcode result) const;
    uint32_t Status() const;

    const Config& config_;

  private:
    Parcel parcel_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
    std::array<char, CURL_ERROR_SIZE> error_ = {};
};

}  // namespace pganalytics::courier
