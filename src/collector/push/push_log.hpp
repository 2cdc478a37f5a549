// PushLog: logs the outcome of pushes, once per change.
#pragma once

#include <string>
#include <vector>

#include "collector/life/config.hpp"
#include "collector/life/trouble.hpp"
#include "collector/push/answer.hpp"
#include "collector/push/outbox.hpp"

namespace pganalytics::collector {

// PushLog remembers the last outcome for each server. Only one thread may use it.
class PushLog {
  public:
    explicit PushLog(const Config* config) : config_(config), states_(config->servers.size()) {}

    void Report(const Push& push, const Answer& answer, Trouble::SteadyTime now);

  private:
    struct State {
        bool stored_before = false;
        Trouble trouble;
        Trouble denied;  // failures with advice; separate, so that `trouble` does not suppress any
        uint64_t refused = 0;
        bool discards = false;
    };

    const Config* config_;
    std::vector<State> states_;
};

}  // namespace pganalytics::collector
