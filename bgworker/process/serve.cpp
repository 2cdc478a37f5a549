// Serve: reads frames and ends an iteration of a worker's loop.
#include "bgworker/process/serve.hpp"

namespace pganalytics::bgworker {

bool TakeFrame(Gateway* gateway, Frame* frame) {
    bool broken = false;
    while (!NextFrame(&gateway->channel, frame, &broken)) {
        if (broken) {
            MarkFailed(gateway, "sent bytes that are no frame");
            return false;
        }
        switch (ReadMore(&gateway->channel)) {
            case ReadResult::kMore:
                Hear(gateway, Now());
                continue;
            case ReadResult::kBlocked:
                // With a full buffer ReadMore has not looked at the socket.
                if (gateway->channel.filled < gateway->channel.capacity &&
                    IsSilent(gateway, Now())) {
                    MarkFailed(gateway, "has said nothing for 5 s");
                }
                return false;
            case ReadResult::kClosed:
                // The worker still handles every whole frame that the gateway sent before it died.
                // The clients of those frames get no answer; they send their pushes again and then
                // get the receipts.
                MarkGone(gateway);
                return false;
        }
    }
    return true;
}

bool EndTurn(Supervisor* supervisor, bool worked, core::Timer* check) {
    constexpr long kTurnMs = 1000;
    FlushGateways(supervisor);
    const bool reloaded = HandleInterrupts();
    if (reloaded) Reload(supervisor);
    if (check->IsDue(Now())) {
        check->Start(Now(), kTurnMs);
        if (!MayServe()) return false;
        pgstat_report_stat(false);
    }
    if (worked || reloaded) return true;
    const bool serves = supervisor->status->state == pg::WorkerState::kRunning;
    WaitForGateways(supervisor, serves ? kTurnMs : 50);
    return true;
}

}  // namespace pganalytics::bgworker
