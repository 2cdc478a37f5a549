// Gateway: one gateway of a worker, and its states.
#pragma once

#include "bgworker/process/channel.hpp"
#include "core/monotonic.hpp"

namespace pganalytics::bgworker {

// README.md draws the transitions.
enum class GatewayState {
    kNone,      // no process: the slot is free
    kStarting,  // started, and not ready yet
    kServing,   // takes new connections
    kDraining,  // was told to leave: another one serves
    kClosed,    // has reported that it takes no more connections; ends those that it has
};

struct Gateway {
    GatewayState state;
    pid_t pid;
    Channel channel;
    core::Instant started_at;
    core::Timer leave_by;         // when a leaving gateway is killed
    uint64 pki_version;           // of the files that it read at its start
    protocol::Counters counters;  // as it last reported them
    uint64 identity_version;      // of the last Identity sent to it; 0: none
    const char*
        doomed;  // why it is ended at the end of this turn (not now: its frames are still in use)
};

// Move takes a gateway from one state to the next. REQUIRES: it is in `from`. If it is not, that is
// a bug of ours, but no reason to crash the server: Move logs it, dooms the gateway, which is then
// ended and replaced, and returns false.
bool Move(Gateway* gateway, GatewayState from, GatewayState to);

// Doom marks a gateway that is gone or has broken the protocol; EndDoomed ends such gateways and
// plans the next start. Until then frames taken from it stay readable.
inline void Doom(Gateway* gateway, const char* why) { gateway->doomed = why; }

// IsLeaving: the gateway was told to end its connections and exit.
inline bool IsLeaving(const Gateway& gateway) {
    return gateway.state == GatewayState::kDraining || gateway.state == GatewayState::kClosed;
}

// TakesWork: the worker answers requests of this gateway. A gateway must not send any before it is
// ready.
inline bool TakesWork(const Gateway& gateway) {
    return gateway.state == GatewayState::kServing || IsLeaving(gateway);
}

}  // namespace pganalytics::bgworker
