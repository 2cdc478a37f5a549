// Mail delivery: sends one message to the mail relay, which forwards it.
#pragma once

#include <vector>

#include "core/result.hpp"
#include "courier/transfer.hpp"

namespace pganalytics::courier {

class MailDelivery : public Transfer {
  public:
    // Make prepares a delivery; `now` is Unix time in seconds. Its errors are final, because a
    // retry would not help: no recipients, more than 100, or one that is no mail address.
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
    size_t given_ = 0;  // bytes of the message already given to libcurl
    size_t reply_bytes_ = 0;
    bool naming_recipients_ = false;  // RCPT was the last command
    bool leaving_ = false;            // QUIT was sent
    uint32_t reply_ = 0;              // the code of the last reply
    std::string refusal_;             // the last reply with 4xx or 5xx
    size_t refused_recipients_ = 0;
    // The server deferred a recipient. The mail then goes to nobody now: the retry is for all
    // recipients, and those who got the mail now would get it twice.
    bool deferred_ = false;
};

}  // namespace pganalytics::courier
