// ReloadSignal: a request to read the configuration again, which wakes the thread that waits for
// it.
#pragma once

#include <optional>

#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// ReloadSignal may be raised any number of times, from any thread. Requests that come before the
// next Wait count as one.
class ReloadSignal {
  public:
    ReloadSignal();
    ~ReloadSignal();
    ReloadSignal(const ReloadSignal&) = delete;
    ReloadSignal& operator=(const ReloadSignal&) = delete;

    void Raise();

    // What has ended a wait.
    enum class Woken { kReload, kStop, kDeadline };

    // Wait waits for a request to reload, for `stop`, or until the deadline if there is one.
    Woken Wait(const StopSignal& stop, std::optional<SteadyTime> deadline) const;

  private:
    int fd_;
};

}  // namespace pganalytics::collector
