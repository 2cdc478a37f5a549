// StopSignal: one flag that ends every wait of the program at once.
#pragma once

#include <atomic>
#include <chrono>

namespace pganalytics::collector {

using SteadyTime = std::chrono::steady_clock::time_point;

// StopSignal can be raised once, from any thread. From then on fd() stays readable: code that polls
// a socket polls fd() as well.
class StopSignal {
  public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    void Raise();
    bool raised() const { return raised_.load(std::memory_order_acquire); }
    int fd() const { return fd_; }

    // WaitUntil returns true at the deadline, false if the signal was raised before it.
    bool WaitUntil(SteadyTime deadline) const;

  private:
    std::atomic<bool> raised_{false};
    int fd_;
};

// MillisUntil is the time left, for poll(): rounded up, 0 if the deadline has passed.
int MillisUntil(SteadyTime deadline);

}  // namespace pganalytics::collector
