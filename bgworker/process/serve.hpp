// Serve: the main loop of a worker with gateways, and the handling of their frames.
#pragma once

#include "bgworker/process/identity_feed.hpp"
#include "bgworker/process/supervisor.hpp"
#include "bgworker/process/worker.hpp"

namespace pganalytics::bgworker {

// TakeFrame takes the next whole frame of a gateway. False if there is none. It dooms a gateway
// that is gone or sends bytes that are no frame.
bool TakeFrame(Gateway* gateway, Frame* frame);

// HandleFrame handles a frame about the gateway itself and passes any other frame to work(frame,
// &why), which returns false, with a reason, if a gateway must not send such a frame. Then
// HandleFrame dooms the gateway and returns false.
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

// EndTurn ends a turn: it sends answers, reloads settings, and unless `worked` waits for gateways
// or the latch. `check` says when to look for the extension. False if the extension was dropped.
bool EndTurn(Supervisor* supervisor, bool worked, core::Timer* check);

// ServeGateways opens the port of a role and then calls turn() in a loop. turn() handles what the
// gateways have sent and returns whether there was anything. The loop ends, and the gateways with
// it, when the worker must stop or the extension was dropped.
// REQUIRES: Begin, ConnectToDatabase; `supervisor` zeroed.
template <typename Turn>
void ServeGateways(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role,
                   const char* sql_role, Turn&& turn) {
    StartSupervisor(supervisor, status, role);
    // SET ROLE cannot be undone here: if the extension is dropped, exit and let the launcher start
    // another process.
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
