// Supervisor: the gateways of one worker. One serves; while settings are reloaded a new one
// starts beside it, and the old one finishes its requests and leaves.
#pragma once

#include "bgworker/process/gateway.hpp"
#include "bgworker/process/listener.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// One that serves, one that starts, and some that leave: reloads may come faster than old
// connections end.
inline constexpr int kMaxGateways = 6;

struct Supervisor {
    pg::WorkerStatus* status;
    protocol::GatewayRole role;
    Listeners listeners;
    Gateway gateways[kMaxGateways];
    // Its failures are starts in a row that did not reach kServing, or died young.
    core::Backoff backoff{/*first_ms=*/100, /*longest_ms=*/5000};
    uint64 pki_version;    // of the files that the gateway that serves has read
    bool reload_wanted;    // a reload came while a gateway was starting
    WaitEventSet* events;  // the latch and every gateway's socket
    bool events_stale;
};

// StartSupervisor prepares a zeroed supervisor; nothing runs yet. Its gateways die with the worker.
void StartSupervisor(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role);

// OpenPort waits until the port of the supervisor's role can be bound. False if the worker is to
// stop. What it waits for stands in the worker's row.
bool OpenPort(Supervisor* supervisor);

// Tend brings the gateways to what they should be: starts one when none serves and the back-off
// allows, ends those whose time is over. Called every turn.
void Tend(Supervisor* supervisor);

// Reload starts a gateway with the settings now in force beside the one that serves.
void Reload(Supervisor* supervisor);

// WaitForGateways waits until a gateway's socket or the latch is ready, or `timeout_ms` has passed.
void WaitForGateways(Supervisor* supervisor, long timeout_ms);

// Handled says what HandleControl did with a frame.
enum class Handled { kYes, kNotControl, kBroken };

// HandleControl serves the frames that concern the gateway itself (ready, draining, failed, log,
// counters).
// kBroken: the frame does not make sense, and the gateway must be ended.
Handled HandleControl(Supervisor* supervisor, Gateway* gateway, const Frame& frame);

// EndDoomed ends the gateways that are doomed, and plans the next.
void EndDoomed(Supervisor* supervisor);

// FlushGateways writes to every gateway what it takes, gives back the frames that were read, and
// ends those that are doomed: the end of a turn.
void FlushGateways(Supervisor* supervisor);

// StopGateways asks all of them to answer what waits with 503 and leave, waits a moment, and ends
// those that have not; closes the listening sockets.
void StopGateways(Supervisor* supervisor);

}  // namespace pganalytics::bgworker
