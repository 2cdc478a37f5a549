// Steps: since when each thread has been at work, to notice one that hangs.
#pragma once

#include <chrono>
#include <mutex>
#include <set>

#include "collector/life/stop.hpp"

namespace pganalytics::collector {

// kLongestStep is the longest time that a step may take. Each has limits of its own: a sample takes
// seconds, the keeper's requests together at most three times kHttpTimeout.
inline constexpr std::chrono::minutes kLongestStep{5};

// Steps may be used from any thread.
class Steps {
  public:
    // Step lasts from its construction to its destruction. A thread has one while it works, and
    // none while it waits for its turn. REQUIRES: `steps` outlives it.
    class Step {
      public:
        Step(Steps* steps, SteadyTime now) : steps_(steps) {
            const std::lock_guard lock(steps_->mutex_);
            place_ = steps_->begun_.insert(now);
        }
        ~Step() {
            const std::lock_guard lock(steps_->mutex_);
            steps_->begun_.erase(place_);
        }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

      private:
        Steps* steps_;
        std::multiset<SteadyTime>::iterator place_;
    };

    // AllMoveOn: no step has taken longer than kLongestStep.
    bool AllMoveOn(SteadyTime now) const {
        const std::lock_guard lock(mutex_);
        return begun_.empty() || now - *begun_.begin() <= kLongestStep;
    }

  private:
    mutable std::mutex mutex_;
    std::multiset<SteadyTime> begun_;
};

}  // namespace pganalytics::collector
