// Serve: the main loop of a worker with gateways, and the handling of their frames.
#pragma once

#include "bgworker/process/identity_feed.hpp"
#include "bgworker/process/supervisor.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/base/trouble.hpp"

namespace pganalytics::bgworker {

// TakeFrame takes the next whole frame of a gateway. It returns false if there is none. It calls
// MarkFailed for a gateway that is gone or sends bytes that are no frame.
bool TakeFrame(Gateway* gateway, Frame* frame);

// HandleFrame handles a frame about the gateway itself and passes any other frame to work(frame,
// &why). If a gateway must not send that frame, work returns false and sets `why`; HandleFrame then
// calls MarkFailed for the gateway and returns false.
template <typename Work>
bool HandleFrame(Supervisor* supervisor, Gateway* gateway, const Frame& frame, Work&& work) {
    const char* why = "sent a frame that a worker does not take";
    bool ok = false;
    switch (HandleControl(supervisor, gateway, frame)) {
        case Handled::kYes:
            ok = true;
            break;
        case Handled::kBroken:
            break;
        case Handled::kNotControl:
            if (TakesWork(*gateway)) {
                ok = work(frame, &why);
            } else {
                why = "sent work before it was ready";
            }
            break;
    }
    if (!ok) MarkFailed(gateway, why);
    return ok;
}

// EndTurn ends one iteration of a worker's loop: it sends answers and reloads settings. `worked`
// says whether the iteration has done some work. If it has done none, EndTurn waits for gateways or
// the latch. `check` says when to check next whether the extension exists. If the extension was
// dropped, EndTurn returns false.
bool EndTurn(Supervisor* supervisor, bool worked, core::Timer* check);

// ServeGateways opens the port of a role and then calls turn() in a loop. turn() handles what the
// gateways have sent, and returns true if they have sent anything. When the worker must stop or the
// extension was dropped, ServeGateways ends the gateways and returns.
// REQUIRES: Begin and ConnectToDatabase were called; `supervisor` is zeroed.
template <typename Turn>
void ServeGateways(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role,
                   const char* sql_role, Turn&& turn) {
    StartSupervisor(supervisor, status, role);
    // This process cannot undo its SET ROLE. So if the extension is dropped, the process exits, and
    // the launcher starts another one.
    if (AwaitExtension(status, sql_role) && OpenPort(supervisor)) {
        pg::SetState(status, pg::WorkerState::kStarting);
        core::Timer check;
        bool exists = true;
        while (exists && !Stopping()) {
            ReadClock();
            Tend(supervisor);
            FeedIdentity(supervisor);
            exists = EndTurn(supervisor, turn(), &check);
        }
    }
    pg::SetState(status, pg::WorkerState::kTerminating);
    StopGateways(supervisor);
}

}  // namespace pganalytics::bgworker
