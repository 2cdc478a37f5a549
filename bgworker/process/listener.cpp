// Listener: resolves addresses, binds, and listens.
#include "bgworker/process/listener.hpp"

extern "C" {
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
}

namespace pganalytics::bgworker {
namespace {

constexpr int kBacklog = 1024;

// Wanted says what to open, and where to write the reason of a failure.
struct Wanted {
    int port;
    PortUse use;
    char* why;
    size_t why_size;
};

bool Explain(const Wanted& wanted, const char* what, const char* address, const char* reason) {
    pg_snprintf(wanted.why, wanted.why_size, "could not %s %s port %d: %s", what, address,
                wanted.port, reason);
    return false;
}

bool OpenOne(const addrinfo& info, const char* address, const Wanted& wanted,
             Listeners* listeners) {
    if (listeners->count == kMaxListeners) {
        return Explain(wanted, "listen on", address, "too many addresses");
    }
    const int fd = socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return Explain(wanted, "create a socket for", address, pg_strerror(errno));
    listeners->fds[listeners->count++] = fd;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (wanted.use == PortUse::kShared) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    if (info.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, info.ai_addr, info.ai_addrlen) != 0) {
        return Explain(wanted, "bind", address, pg_strerror(errno));
    }
    if (wanted.use != PortUse::kProbe && listen(fd, kBacklog) != 0) {
        return Explain(wanted, "listen on", address, pg_strerror(errno));
    }
    return true;
}

bool OpenAddress(const char* address, const Wanted& wanted, Listeners* listeners) {
    char service[16];
    pg_snprintf(service, sizeof(service), "%d", wanted.port);
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const bool any = strcmp(address, "*") == 0;
    const int code = getaddrinfo(any ? nullptr : address, service, &hints, &found);
    if (code != 0) return Explain(wanted, "resolve", address, gai_strerror(code));
    bool opened = false;
    bool failed = false;
    for (const addrinfo* info = found; info != nullptr && !failed; info = info->ai_next) {
        // It is enough to open one address family: a machine without IPv6 still resolves localhost
        // to ::1.
        const int before = listeners->count;
        if (OpenOne(*info, address, wanted, listeners)) {
            opened = true;
        } else if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
            if (listeners->count > before) close(listeners->fds[--listeners->count]);
        } else {
            failed = true;
        }
    }
    freeaddrinfo(found);
    return opened && !failed;
}

}  // namespace

bool OpenListeners(int port, PortUse use, Listeners* listeners, char* why, size_t why_size) {
    const Wanted wanted = {port, use, why, why_size};
    listeners->count = 0;
    pg_snprintf(why, why_size, "no address of pganalytics.listen_addresses is available");
    const bool opened = pg::SplitAddresses(pg::settings.listen_addresses, [&](const char* address) {
        return OpenAddress(address, wanted, listeners);
    });
    if (!opened) CloseListeners(listeners);
    return opened;
}

void CloseListeners(Listeners* listeners) {
    for (int i = 0; i < listeners->count; ++i) close(listeners->fds[i]);
    listeners->count = 0;
}

}  // namespace pganalytics::bgworker
