// Logs the outcome of a server's pushes, once per change.
#include "collector/push/push_log.hpp"

#include "collector/life/clock_skew.hpp"
#include "collector/life/log.hpp"

namespace pganalytics::collector {

void PushLog::Report(const Push& push, const std::string& url, const Answer& answer,
                     Trouble::SteadyTime now) {
    const std::string& name = push.server;
    State& state = states_[name];
    const Verdict verdict = Judge(answer.status);
    if (answer.clock_ahead) ReportClock(*answer.clock_ahead);
    if (verdict == Verdict::kStored) {
        const bool was_denied = state.denied.Worked();
        const bool had_trouble = state.trouble.Worked() || was_denied;
        if (!state.stored_before) {
            Log(Level::kInfo, name + ": first push stored, " + std::to_string(push.rows) +
                                  " statements, at " + url);
        } else if (had_trouble) {
            Log(Level::kInfo, name + ": pushes are stored again; " + std::to_string(state.refused) +
                                  " had been refused");
        }
        const std::string discarded = Discarded(answer);
        if (!discarded.empty() && !state.discards) {
            Log(Level::kWarning,
                name + ": the receipt says that rows were discarded: " + discarded);
        }
        state.stored_before = true;
        state.refused = 0;
        state.discards = !discarded.empty();
        return;
    }
    const std::string advice = Advice(answer);
    const std::string trouble = Describe(answer) + advice;
    const bool refused = verdict == Verdict::kRefused;
    if (refused) ++state.refused;
    if (!(advice.empty() ? state.trouble : state.denied).Failed(trouble, now)) return;
    if (refused) {
        Log(Level::kError, name + ": push " + push.idempotency_key + " refused and dropped: " +
                               trouble + "; what it carried goes with the next one");
    } else if (verdict == Verdict::kDenied) {
        Log(Level::kError,
            name + ": push " + push.idempotency_key +
                " not accepted from this collector, kept and tried again: " + trouble);
    } else {
        Log(Level::kWarning,
            name + ": push " + push.idempotency_key + " not stored, trying again: " + trouble);
    }
}

void PushLog::ReportClock(std::chrono::seconds ahead) {
    const bool wrong = std::chrono::abs(ahead) >= kLargeSkew;
    if (wrong && !clock_wrong_) {
        Log(Level::kWarning,
            SkewText(ahead, "pganalytics") +
                "; samples carry this host's time, so they count for a wrong time");
    } else if (!wrong && clock_wrong_) {
        Log(Level::kInfo, "this host's clock agrees with that of pganalytics again");
    }
    clock_wrong_ = wrong;
}

}  // namespace pganalytics::collector
