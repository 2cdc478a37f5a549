// Outbox: the pushes that are not yet acknowledged, in bounded memory.
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

// Push is one request. Every retry sends the same bytes with the same key.
struct Push {
    size_t queue = 0;       // the ServerJob's number; each job has its own queue
    std::string server;     // its name, for messages
    uint64_t snapshot = 0;  // Plan::snapshot
    bool full = false;
    uint64_t rows = 0;
    std::string idempotency_key;  // epoch:sequence
    std::string body;             // gzip
};

inline constexpr size_t kMaxPendingBytes = 64 * 1024 * 1024;

// Outbox has one queue for each ServerJob, made at its first use. A queue is sent in order and has
// its own back-off, so a push that the analytics server cannot process delays only its own queue.
// Not synchronized.
class Outbox {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;

    explicit Outbox(size_t max_bytes) : max_bytes_(max_bytes) {}

    // Add queues a push and returns how many pushes it dropped. If the total size exceeds the
    // limit, it drops the oldest pushes of any server. It never drops the push being sent or the
    // new one. A dropped push costs only one point in time: counters are cumulative, so a later
    // push has the totals.
    size_t Add(Push push);

    // Take returns the oldest push that is due; nullptr if none is due. That push counts as being
    // sent until Stored, Refused or Failed is called.
    std::shared_ptr<const Push> Take(SteadyTime now);

    // NextDue is the earliest time at which a push is due; SteadyTime::max() if no push waits.
    SteadyTime NextDue() const;

    void Stored();
    void Refused();
    // Failed queues the push being sent for a retry and returns the delay before it. `random` is
    // uniform in [0, 1).
    Millis Failed(SteadyTime now, Millis retry_after, double random);

    // RetryNow makes all queued pushes due at once. Call it when the link has changed.
    void RetryNow();

    // TakeAcknowledged returns the outcome of one job's pushes, for its Tracker, and clears
    // full_lost.
    Acknowledged TakeAcknowledged(size_t queue);

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

    Queue& At(size_t queue);
    void PopInFlight(bool stored);
    bool DropOldest();

    std::vector<Queue> queues_;
    size_t max_bytes_;
    size_t bytes_ = 0;
    uint64_t orders_ = 0;
    int64_t in_flight_ = -1;  // index of the queue whose first push is being sent; -1: none
};

}  // namespace pganalytics::collector
