// Mail delivery: one message to the relay, which does the rest.
#pragma once

#include <vector>

#include "core/result.hpp"
#include "courier/transfer.hpp"

namespace pganalytics::courier {

class MailDelivery : public Transfer {
  public:
    // Make prepares a delivery; `now` is Unix time in seconds. Errors, for which no other attempt
    // would do better: no recipients, too many, or one that is no address.
    static core::Result<std::unique_ptr<Transfer>> Make(const Config& config, Parcel parcel,
                                                        int64_t now);

    Outcome Finish(CURLcode result) override;

  private:
    MailDelivery(const Config& config, Parcel parcel, std::vector<std::string> recipients,
                 int64_t now);
    // The callbacks of libcurl; `self` is the delivery.
    static int TakeTrace(CURL* easy, curl_infotype type, char* data, size_t size, void* self);
    static size_t TakeReply(char* data, size_t size, size_t count, void* self);
    static size_t GiveMessage(char* to, size_t size, size_t count, void* self);

    const std::vector<std::string> recipients_;
    WipedList envelope_;
    std::string message_;
    size_t given_ = 0;  // bytes of the message
    size_t reply_bytes_ = 0;
    bool naming_recipients_ = false;  // RCPT was the last command
    bool leaving_ = false;            // QUIT was
    uint32_t reply_ = 0;              // the last one
    std::string refusal_;             // the last reply of 4xx or 5xx
    size_t refused_recipients_ = 0;
    bool deferred_ = false;  // a recipient was: nobody gets it now, so that nobody gets it twice
};

}  // namespace pganalytics::courier
