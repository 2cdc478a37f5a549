// Listener: the listening sockets of a port. The worker binds and keeps them; its gateways inherit
// them, so that a client who connects while no gateway lives waits in the kernel's queue.
#pragma once

#include "pg/base/guc.hpp"

namespace pganalytics::bgworker {

// Each address of pganalytics.listen_addresses may resolve to several sockets (IPv4 and IPv6).
inline constexpr int kMaxListeners = 2 * pg::kMaxListenAddresses;

struct Listeners {
    int count;
    int fds[kMaxListeners];
};

// PortUse: kShared is with SO_REUSEPORT, so that each ingest worker has its own queue; kOwn is
// without; kProbe too, and does not listen. The latter two fail if anybody, another cluster of the
// same user too, has the port.
enum class PortUse { kShared, kOwn, kProbe };

// OpenListeners binds and listens on a port of every configured address. False, with a reason, if
// any address failed; then nothing is left open.
bool OpenListeners(int port, PortUse use, Listeners* listeners, char* why, size_t why_size);
void CloseListeners(Listeners* listeners);

}  // namespace pganalytics::bgworker
