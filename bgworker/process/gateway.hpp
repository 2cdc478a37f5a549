// Gateway: one gateway of a worker, and its states.
#pragma once

#include "bgworker/process/channel.hpp"
#include "core/monotonic.hpp"

namespace pganalytics::bgworker {

// README.md draws which state follows which.
enum class GatewayState {
    kNone,      // no process: the place is free
    kStarting,  // started, and not ready yet
    kServing,   // the one that takes new connections
    kDraining,  // told to leave: another one serves
    kClosed,    // it has said that it takes no more connections, and ends those that it has
};

struct Gateway {
    GatewayState state;
    pid_t pid;
    Channel channel;
    core::Instant started_at;
    core::Timer leave_by;         // of a draining one
    uint64 pki_version;           // of the files that it has read at its start
    protocol::Counters counters;  // as it last said
    uint64 identity_version;      // of the last Identity it was sent; 0: none
    const char* doomed;  // why it goes at the end of this turn: frames of it are still in use
};

// Move takes a gateway from one state to the next. REQUIRES: it is in `from`. If it is not, that is
// a defect of ours, and no reason to end a server: it is logged, and the gateway is ended and
// replaced as one that has broken the protocol. False then.
bool Move(Gateway* gateway, GatewayState from, GatewayState to);

// Doom marks a gateway that is gone or has broken the protocol; EndDoomed ends such gateways and
// plans the next. Between the two, frames that were taken from it stay readable.
inline void Doom(Gateway* gateway, const char* why) { gateway->doomed = why; }

// IsLeaving: it was told to end its connections and go.
inline bool IsLeaving(const Gateway& gateway) {
    return gateway.state == GatewayState::kDraining || gateway.state == GatewayState::kClosed;
}

// TakesWork: requests of this gateway are answered; one that has not said that it is ready has
// none.
inline bool TakesWork(const Gateway& gateway) {
    return gateway.state == GatewayState::kServing || IsLeaving(gateway);
}

}  // namespace pganalytics::bgworker
