// Logs the outcome of a server's pushes, once per change.
#include "collector/push/push_log.hpp"

#include "collector/life/log.hpp"

namespace pganalytics::collector {

void PushLog::Report(const Push& push, const Answer& answer, Trouble::SteadyTime now) {
    State& state = states_[push.server];
    const std::string& name = config_->servers[push.server].name;
    const Verdict verdict = Judge(answer.status);
    if (verdict == Verdict::kStored) {
        const bool was_denied = state.denied.Worked();
        const bool had_trouble = state.trouble.Worked() || was_denied;
        if (!state.stored_before) {
            Log(Level::kInfo, name + ": first push stored, " + std::to_string(push.rows) +
                                  " statements, at " + config_->url);
        } else if (had_trouble) {
            Log(Level::kInfo, name + ": pushes are stored again; " + std::to_string(state.refused) +
                                  " had been refused");
        }
        const uint64_t discarded = Discarded(answer);
        if (discarded > 0 && !state.discards) {
            Log(Level::kWarning, name + ": the receipt says that " + std::to_string(discarded) +
                                     " rows were discarded; is this machine's clock right?");
        }
        state.stored_before = true;
        state.refused = 0;
        state.discards = discarded > 0;
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

}  // namespace pganalytics::collector
