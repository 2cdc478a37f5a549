// Trouble: decides when a failure that goes on is worth another line in the log.
#pragma once

#include <chrono>
#include <string>
#include <utility>

namespace pganalytics::collector {

// Trouble follows one thing that works or does not. A failure is worth a line when it begins, and
// when its reason has become another one, then at most once a minute: reasons may alternate, and
// some hold a time that differs at each try.
class Trouble {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kQuiet{60};

    // Failed takes the reason in; true when it is worth a line.
    bool Failed(const std::string& reason, SteadyTime now) {
        const bool again = failing_ && (reason == reason_ || now - logged_ < kQuiet);
        failing_ = true;
        if (again) return false;
        reason_ = reason;
        logged_ = now;
        return true;
    }

    // Worked returns true when it had failed before.
    bool Worked() { return std::exchange(failing_, false); }

  private:
    bool failing_ = false;
    std::string reason_;  // as logged
    SteadyTime logged_{};
};

}  // namespace pganalytics::collector
