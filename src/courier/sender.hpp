// Sender: runs all deliveries in progress at the same time.
#pragma once

#include <curl/curl.h>

#include <map>
#include <memory>
#include <vector>

#include "courier/transfer.hpp"

namespace pganalytics::courier {

// Sender must be used by one thread only. REQUIRES: curl_global_init was called; `config` outlives
// the Sender.
class Sender {
  public:
    struct Ended {
        uint32_t request_id;
        Outcome outcome;
    };

    explicit Sender(const Config& config);
    ~Sender();
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    // Begin starts a delivery. If the start fails, the next Step returns the delivery as ended.
    void Begin(uint32_t request_id, Parcel parcel, int64_t now);
    // Step advances all deliveries without waiting and returns those that have ended.
    std::vector<Ended> Step();
    // Wait waits until a delivery or one of `fd`'s events is ready, or `timeout_ms` have passed.
    void Wait(int fd, short events, int timeout_ms);

    size_t in_flight() const { return transfers_.size(); }
    bool Has(uint32_t request_id) const { return transfers_.count(request_id) != 0; }

  private:
    const Config& config_;
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
    std::map<uint32_t, std::unique_ptr<Transfer>> transfers_;
    std::vector<Ended> ended_;
};

}  // namespace pganalytics::courier
