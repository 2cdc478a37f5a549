// Supervisor: the gateways of one worker. One gateway serves. At a reload a new gateway starts
// beside it. When the new gateway is ready, the old one finishes its requests and exits.
#pragma once

#include "bgworker/process/gateway.hpp"
#include "bgworker/process/listener.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// One gateway serves, one starts, and the others are exiting: reloads may come faster than old
// connections end.
inline constexpr int kMaxGateways = 6;

struct Supervisor {
    pg::WorkerStatus* status;
    protocol::GatewayRole role;
    Listeners listeners;
    Gateway gateways[kMaxGateways];
    // For the back-off, a start has failed if the gateway ended within 5 s or did not reach
    // kServing.
    core::Backoff backoff{/*first_ms=*/100, /*longest_ms=*/5000};
    // The same for gateways that served and were killed by somebody else: the next one is not to
    // blame, but a loop of kills must not take all of a CPU.
    core::Backoff kills{/*first_ms=*/20, /*longest_ms=*/200};
    uint64 pki_version;    // version of the files that the serving gateway has read
    bool reload_wanted;    // start a gateway even if one serves
    WaitEventSet* events;  // the latch and every gateway's socket
    bool events_stale;
};

// StartSupervisor prepares a zeroed supervisor and starts no gateway yet. When the worker exits,
// however it does so, its gateways are killed.
void StartSupervisor(Supervisor* supervisor, pg::WorkerStatus* status, protocol::GatewayRole role);

// OpenPort waits until it can bind the port of the supervisor's role. It returns false if the
// worker must stop. The worker's row shows what OpenPort waits for.
bool OpenPort(Supervisor* supervisor);

// Tend starts a gateway if one is needed and the back-off allows it. It also ends gateways that
// take too long to become ready or to exit. The worker calls it in every loop iteration.
void Tend(Supervisor* supervisor);

// Reload makes Tend start a gateway with the current settings beside the serving one, without
// waiting for the back-off, unless the serving one was given the same settings and files.
void Reload(Supervisor* supervisor);

// WaitForGateways waits until a gateway's socket or the latch is ready, or `timeout_ms` has passed.
void WaitForGateways(Supervisor* supervisor, long timeout_ms);

// Handled says what HandleControl did with a frame.
enum class Handled { kYes, kNotControl, kBroken };

// HandleControl handles the frames about the gateway itself (ready, draining, failed, log, refused,
// counters). kNotControl: the frame is of another type. kBroken: the frame is not valid, and the
// gateway must be ended.
Handled HandleControl(Supervisor* supervisor, Gateway* gateway, const Frame& frame);

// EndFailedGateways ends the gateways that MarkFailed has marked, and plans the next start.
void EndFailedGateways(Supervisor* supervisor);

// FlushGateways is called at the end of a loop iteration. It writes to every gateway as much as the
// gateway takes, releases the frames that were read, and calls EndFailedGateways.
void FlushGateways(Supervisor* supervisor);

// StopGateways closes the listening sockets, asks all gateways to answer waiting requests with 503
// and exit, waits a moment, and kills those that still run.
void StopGateways(Supervisor* supervisor);

}  // namespace pganalytics::bgworker
