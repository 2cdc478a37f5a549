// Trouble: decides when to log a failure that continues.
#pragma once

#include <chrono>
#include <string>
#include <utility>

namespace pganalytics::collector {

// Trouble tracks one task that works or fails. A failure is logged when it begins. A changed reason
// is logged too, but at most once a minute: reasons may alternate, and some contain a time that
// differs at each attempt.
class Trouble {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kQuiet{60};

    // Failed records the reason and returns true if the caller should log it.
    bool Failed(const std::string& reason, SteadyTime now) {
        const bool again = failing_ && (reason == reason_ || now - logged_ < kQuiet);
        failing_ = true;
        if (again) return false;
        reason_ = reason;
        logged_ = now;
        return true;
    }

    // Worked records a success and returns true if the last attempt had failed.
    bool Worked() { return std::exchange(failing_, false); }

  private:
    bool failing_ = false;
    std::string reason_;  // the one last logged
    SteadyTime logged_{};
};

}  // namespace pganalytics::collector
