// Gateway: one gateway process of a worker, and its states.
#pragma once

#include "bgworker/process/channel.hpp"
#include "core/monotonic.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// The README.md of this directory draws the transitions.
enum class GatewayState {
    kNone,      // no process: the slot is free
    kStarting,  // started, and not ready yet
    kServing,   // takes new connections
    kDraining,  // was told to exit: another gateway serves
    kClosed,    // takes no more connections; finishes its open ones
};

struct Gateway {
    GatewayState state;
    pid_t pid;
    Channel channel;
    core::Instant started_at;
    core::Timer leave_by;         // when an exiting gateway is killed
    core::Instant heard_at;       // when it last sent something
    core::Instant looked_at;      // when the worker last looked for something from it
    uint64 pki_version;           // version of the files that it read at its start
    uint64 fingerprint;           // of its configuration and files
    protocol::Counters counters;  // the last counters that it reported
    uint64 identity_version;      // version of the last Identity frame sent to it; 0: none
    // Why the worker must end this gateway; nullptr if it need not end it. The gateway is ended at
    // the end of the loop iteration, because its frames are in use until then.
    const char* failure;
    bool is_gone;  // the failure is its end; see MarkGone
};

// Move changes the state of a gateway. REQUIRES: the state is `from`. Another state is a bug of
// ours, but no reason to crash the server: Move then logs it, calls MarkFailed, so that the gateway
// is ended and replaced, and returns false.
bool Move(Gateway* gateway, GatewayState from, GatewayState to);

// MarkFailed marks a gateway that is gone or has broken the protocol. EndFailedGateways later ends
// the gateway and plans the next start. Until then the frames taken from the gateway stay readable.
inline void MarkFailed(Gateway* gateway, const char* why) { gateway->failure = why; }

// MarkGone marks a gateway that has ended by itself or was killed by somebody else.
inline void MarkGone(Gateway* gateway) {
    gateway->is_gone = true;
    MarkFailed(gateway, "has closed its socket");
}

// Hear notes that the gateway has sent something. IsSilent is called when the worker has looked for
// something and found nothing. It returns true if the gateway serves clients and has sent nothing
// for kSilentMs, although it sends counters every second: it is stopped, or its event loop is
// stuck.
inline constexpr int64 kSilentMs = 5000;
void Hear(Gateway* gateway, core::Instant now);
bool IsSilent(Gateway* gateway, core::Instant now);

// CountConnections adds to the worker's totals what a gateway has counted since its last report. So
// the totals outlive gateways. An exiting gateway still adds to the totals, but the worker shows
// only the open connections of the serving gateway.
void CountConnections(pg::WorkerStatus* status, Gateway* gateway, const protocol::Counters& now);

// IsLeaving: the gateway was told to end its connections and exit.
inline bool IsLeaving(const Gateway& gateway) {
    return gateway.state == GatewayState::kDraining || gateway.state == GatewayState::kClosed;
}

// TakesWork: the worker answers requests of this gateway. A gateway must not send requests before
// it is ready.
inline bool TakesWork(const Gateway& gateway) {
    return gateway.state == GatewayState::kServing || IsLeaving(gateway);
}

}  // namespace pganalytics::bgworker
