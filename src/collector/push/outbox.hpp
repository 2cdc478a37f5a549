// Outbox: the pushes that wait to be acknowledged, in memory that is bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "collector/push/backoff.hpp"
#include "collector/statements/tracker.hpp"

namespace pganalytics::collector {

// Push is one request: these bytes under this key, until it is answered.
struct Push {
    size_t server = 0;      // index into the configuration
    uint64_t snapshot = 0;  // Plan::snapshot
    bool full = false;
    uint64_t rows = 0;
    std::string idempotency_key;  // epoch:sequence
    std::string body;             // gzip
};

inline constexpr size_t kMaxPendingBytes = 64 * 1024 * 1024;

// Outbox keeps one queue per server, sent in order, each with its own back-off: a push that the
// other side cannot digest holds up only its own server. Not synchronized.
class Outbox {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    Outbox(size_t servers, size_t max_bytes) : queues_(servers), max_bytes_(max_bytes) {}

    // Add queues a push and drops the oldest ones, of any server, that no longer fit; never the
    // push in flight and never the new one. Returns how many were dropped. Nothing is lost with
    // them but points in time: the counters of the newest snapshot carry the totals.
    size_t Add(Push push);

    // Take gives the push that has waited longest among those that are due, nullptr if none is.
    // It is in flight until Stored, Refused or Failed is called.
    std::shared_ptr<const Push> Take(SteadyTime now);

    // NextDue is when Take will give something; the far future if nothing waits.
    SteadyTime NextDue() const;

    void Stored();
    void Refused();
    // Failed keeps the push for another try; returns how long that will wait. `random` is uniform
    // in [0, 1).
    Millis Failed(SteadyTime now, Millis retry_after, double random);

    // RetryNow makes everything that waits due: what stood in its way has changed.
    void RetryNow();

    // Acknowledgements of one server's pushes, for its tracker; clears full_lost.
    Acknowledged TakeAcknowledged(size_t server);

    size_t pending() const;
    size_t pending_bytes() const { return bytes_; }

  private:
    struct Waiting {
        uint64_t order;
        std::shared_ptr<const Push> push;
    };
    struct Queue {
        std::deque<Waiting> waiting;
        int failures = 0;
        SteadyTime due{};
        Acknowledged acknowledged;
    };

    void PopInFlight(bool stored);
    bool DropOldest();

    std::vector<Queue> queues_;
    size_t max_bytes_;
    size_t bytes_ = 0;
    uint64_t orders_ = 0;
    int64_t in_flight_ = -1;  // index of the queue whose first push is being sent
};

}  // namespace pganalytics::collector
