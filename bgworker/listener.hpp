// Listener: the listening sockets of a port. The worker binds and keeps them; its gateways inherit
// them, so that a client who connects while no gateway lives waits in the kernel's queue.
#pragma once

#include "pg/guc.hpp"

namespace pganalytics::bgworker {

// Each address of pganalytics.listen_addresses may resolve to several sockets (IPv4 and IPv6).
inline constexpr int kMaxListeners = 2 * pg::kMaxListenAddresses;

struct Listeners {
    int count;
    int fds[kMaxListeners];
};

// OpenListeners binds and listens on every configured address. `shared`: with SO_REUSEPORT, so that
// each ingest worker has its own queue. Without it this is a probe: it fails if anybody, another
// cluster of the same user too, has the port. False, with a reason, if any address failed; then
// nothing is left open.
bool OpenListeners(bool shared, Listeners* listeners, char* why, size_t why_size);
void CloseListeners(Listeners* listeners);

}  // namespace pganalytics::bgworker
