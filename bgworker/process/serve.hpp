// Serve: the main loop of a worker with gateways, and what it does with each frame of theirs.
#pragma once

#include "bgworker/process/identity_feed.hpp"
#include "bgworker/process/supervisor.hpp"
#include "bgworker/process/worker.hpp"

namespace pganalytics::bgworker {

// TakeFrame gives the next frame that has come whole from a gateway. False when none has; a gateway
// that is gone or sends bytes that are no frames is doomed.
bool TakeFrame(Gateway* gateway, Frame* frame);

// HandleFrame serves a frame that concerns the gateway itself, and gives any other to
// work(frame, &why): false, with a reason, if it is none that a gateway may send. That dooms the
// gateway, and HandleFrame is false.
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
    if (!ok) Doom(gateway, why);
    return ok;
}

// EndTurn ends a turn: answers go out, settings are read anew, and unless `worked` it waits for
// gateways or the latch. `check` is when the extension is looked for. False when it is gone.
bool EndTurn(Supervisor* supervisor, bool worked, core::Timer* check);

// ServeGateways opens the port of a role and then calls turn() again and again, which takes what
// the gateways have sent and says whether there was anything. It ends, with its gateways, when the
// worker must stop or the extension is gone.
// REQUIRES: Begin, ConnectToDatabase; `supervisor` zeroed.
template <typename Turn>
void ServeGateways(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role,
                   const char* sql_role, Turn&& turn) {
    StartSupervisor(supervisor, status, role);
    // Once per process: the role, once taken, stays; so a dropped extension means a new process.
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
