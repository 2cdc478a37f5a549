// StopSignal: one flag that ends every wait of the program at once.
#pragma once

#include <atomic>
#include <chrono>

namespace pganalytics::collector {

using SteadyTime = std::chrono::steady_clock::time_point;

// StopSignal can be raised once, from any thread; fd() is then readable for ever, so that whoever
// polls a socket polls it too.
class StopSignal {
  public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    void Raise();
    bool raised() const { return raised_.load(std::memory_order_acquire); }
    int fd() const { return fd_; }

    // WaitUntil returns true when the deadline came, false when the signal was raised before it.
    bool WaitUntil(SteadyTime deadline) const;

  private:
    std::atomic<bool> raised_{false};
    int fd_;
};

// MillisUntil is the time left as poll() wants it: rounded up, 0 when it has passed.
int MillisUntil(SteadyTime deadline);

}  // namespace pganalytics::collector
