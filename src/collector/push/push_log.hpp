// PushLog: logs the outcome of pushes, once per change.
#pragma once

#include <map>
#include <string>

#include "collector/life/trouble.hpp"
#include "collector/push/answer.hpp"
#include "collector/push/outbox.hpp"

namespace pganalytics::collector {

// PushLog remembers the last outcome for each server. Only one thread may use it.
class PushLog {
  public:
    // Report logs what became of a push to `url`, if that is news.
    void Report(const Push& push, const std::string& url, const Answer& answer,
                Trouble::SteadyTime now);

  private:
    struct State {
        bool stored_before = false;
        Trouble trouble;
        Trouble denied;  // failures with advice; separate, so that `trouble` does not suppress any
        uint64_t refused = 0;
        bool discards = false;
    };

    void ReportClock(std::chrono::seconds ahead);

    bool clock_wrong_ = false;
    std::map<std::string, State> states_;  // by the server's name
};

}  // namespace pganalytics::collector
