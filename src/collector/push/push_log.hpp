// PushLog: logs the outcome of pushes, once per change.
#pragma once

#include <string>
#include <vector>

#include "collector/life/config.hpp"
#include "collector/life/trouble.hpp"
#include "collector/push/answer.hpp"
#include "collector/push/outbox.hpp"

namespace pganalytics::collector {

// PushLog remembers the last outcome per server. For one thread.
class PushLog {
  public:
    explicit PushLog(const Config* config) : config_(config), states_(config->servers.size()) {}

    void Report(const Push& push, const Answer& answer, Trouble::SteadyTime now);

  private:
    struct State {
        bool stored_before = false;
        Trouble trouble;
        Trouble denied;  // failures with advice: other failures must not suppress their line
        uint64_t refused = 0;
        bool discards = false;
    };

    const Config* config_;
    std::vector<State> states_;
};

}  // namespace pganalytics::collector
