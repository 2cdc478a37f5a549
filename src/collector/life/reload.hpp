// ReloadSignal: a request to read the configuration again, which wakes the thread that waits for
// it.
#pragma once

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

    // Wait returns true when a reload is requested, false when `stop` is raised.
    bool Wait(const StopSignal& stop) const;

  private:
    int fd_;
};

}  // namespace pganalytics::collector
