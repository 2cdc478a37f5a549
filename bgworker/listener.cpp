// Listener: resolve, bind, listen.
#include "bgworker/listener.hpp"

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

bool Explain(char* why, size_t why_size, const char* what, const char* address,
             const char* reason) {
    pg_snprintf(why, why_size, "could not %s %s port %d: %s", what, address, pg::settings.port,
                reason);
    return false;
}

bool OpenOne(const addrinfo& info, const char* address, bool shared, Listeners* listeners,
             char* why, size_t why_size) {
    if (listeners->count == kMaxListeners) {
        return Explain(why, why_size, "listen on", address, "too many addresses");
    }
    const int fd = socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return Explain(why, why_size, "create a socket for", address, pg_strerror(errno));
    listeners->fds[listeners->count++] = fd;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (info.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, info.ai_addr, info.ai_addrlen) != 0) {
        return Explain(why, why_size, "bind", address, pg_strerror(errno));
    }
    if (shared && listen(fd, kBacklog) != 0) {
        return Explain(why, why_size, "listen on", address, pg_strerror(errno));
    }
    return true;
}

bool OpenAddress(const char* address, bool shared, Listeners* listeners, char* why,
                 size_t why_size) {
    char service[16];
    pg_snprintf(service, sizeof(service), "%d", pg::settings.port);
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const bool any = strcmp(address, "*") == 0;
    const int code = getaddrinfo(any ? nullptr : address, service, &hints, &found);
    if (code != 0) return Explain(why, why_size, "resolve", address, gai_strerror(code));
    bool opened = false;
    bool failed = false;
    for (const addrinfo* info = found; info != nullptr && !failed; info = info->ai_next) {
        // A machine without IPv6 still resolves localhost to ::1: one family is enough.
        const int before = listeners->count;
        if (OpenOne(*info, address, shared, listeners, why, why_size)) {
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

bool OpenListeners(bool shared, Listeners* listeners, char* why, size_t why_size) {
    listeners->count = 0;
    pg_snprintf(why, why_size, "no address of pganalytics.listen_addresses is available");
    const bool opened = pg::SplitAddresses(pg::settings.listen_addresses, [&](const char* address) {
        return OpenAddress(address, shared, listeners, why, why_size);
    });
    if (!opened) CloseListeners(listeners);
    return opened;
}

void CloseListeners(Listeners* listeners) {
    for (int i = 0; i < listeners->count; ++i) close(listeners->fds[i]);
    listeners->count = 0;
}

}  // namespace pganalytics::bgworker
