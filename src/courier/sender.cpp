#include "courier/sender.hpp"

#include <utility>

#include "courier/http_delivery.hpp"
#include "courier/mail_delivery.hpp"

namespace pganalytics::courier {

using protocol::DeliveryKind;
using protocol::DeliveryOutcome;

Sender::Sender(const Config& config)
    : config_(config), multi_(curl_multi_init(), &curl_multi_cleanup) {
    if (!multi_) throw std::bad_alloc();
}

Sender::~Sender() {
    for (const auto& [id, transfer] : transfers_) {
        curl_multi_remove_handle(multi_.get(), transfer->easy());
    }
}

void Sender::Begin(uint32_t request_id, Parcel parcel, int64_t now) {
    const auto make =
        parcel.delivery.kind == DeliveryKind::kMail ? &MailDelivery::Make : &HttpDelivery::Make;
    auto made = make(config_, std::move(parcel), now);
    if (!made) {
        ended_.push_back({request_id, {DeliveryOutcome::kDead, 0, 0, made.error().message}});
        return;
    }
    if (curl_multi_add_handle(multi_.get(), made.value()->easy()) != CURLM_OK) {
        throw std::bad_alloc();
    }
    transfers_[request_id] = std::move(made).value();
}

std::vector<Sender::Ended> Sender::Step() {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode result = message->data.result;
        for (auto at = transfers_.begin(); at != transfers_.end(); ++at) {
            if (at->second->easy() != message->easy_handle) continue;
            // Removing the handle frees the message; `result` was copied before.
            curl_multi_remove_handle(multi_.get(), at->second->easy());
            ended_.push_back({at->first, at->second->Finish(result)});
            transfers_.erase(at);
            break;
        }
    }
    return std::exchange(ended_, {});
}

void Sender::Wait(int fd, short events, int timeout_ms) {
    curl_waitfd worker{fd, events, 0};
    curl_multi_poll(multi_.get(), &worker, 1, ended_.empty() ? timeout_ms : 0, nullptr);
}

}  // namespace pganalytics::courier
