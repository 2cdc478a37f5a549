// Listener: the listening sockets of a port. The worker binds and keeps them; its gateways inherit
// them. So a client that connects while no gateway runs waits in the kernel's queue.
#pragma once

#include "pg/base/guc.hpp"

namespace pganalytics::bgworker {

// Each address of pganalytics.listen_addresses may resolve to several sockets (IPv4 and IPv6).
inline constexpr int kMaxListeners = 2 * pg::kMaxListenAddresses;

struct Listeners {
    int count;
    int fds[kMaxListeners];
};

// PortUse says how to bind a port:
//   kShared  with SO_REUSEPORT, so that each ingest worker has a queue of its own
//   kOwn     without SO_REUSEPORT
//   kProbe   without SO_REUSEPORT, and the socket does not listen
// kOwn and kProbe fail if any process has the port, even one of another cluster of the same user.
enum class PortUse { kShared, kOwn, kProbe };

// OpenListeners binds the port on every configured address and listens. If an address fails, it
// returns false, writes the reason to `why` and leaves no socket open.
bool OpenListeners(int port, PortUse use, Listeners* listeners, char* why, size_t why_size);
void CloseListeners(Listeners* listeners);

}  // namespace pganalytics::bgworker
