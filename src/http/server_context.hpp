// ServerContext: what a server shares with its connections: options, counters, memory, idle ones.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>

#include "core/address.hpp"

#include "http/asio.hpp"
#include "http/budget.hpp"
#include "http/router.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::http {

class Connection;

struct ServerOptions {
    size_t max_connections = 200;
    size_t max_idle_connections = 50;
    // From accept. A connection that has had it is closed when idle, or with its next answer.
    std::chrono::milliseconds connection_lifetime{300000};
    // For the handshake; for the head of a request from its first byte; for the body, on top of
    // what its size takes at kSlowestBytesPerSecond; for a client to take an answer.
    std::chrono::milliseconds connection_timeout{5000};
    uint64_t max_body_bytes = 64 << 20;
    // Requests hold passwords: what was read of them is overwritten when it was taken, all but what
    // is kept of heads.
    bool cleanse_input = false;
    // Asked for each connection before its handshake, which is for its first request too, and for
    // each further request before its body: 0, or the seconds after which this client may come
    // again. Empty: all may.
    std::function<unsigned(const core::Address&)> admit;
};
inline constexpr uint64_t kSlowestBytesPerSecond = 256 << 10;
// A connection that has just become idle is not closed for being old or one too many: its next
// request may be on its way.
inline constexpr std::chrono::seconds kIdleGrace{1};
// Bodies in memory over all connections, in bodies of the largest size.
inline constexpr uint64_t kBodiesInMemory = 4;

// ServerStats are totals since the start; `open` is now. Their names are those of the columns of
// pganalytics.workers.
struct ServerStats {
    uint64_t open = 0;
    uint64_t accepted = 0;
    uint64_t handshakes_failed = 0;
    uint64_t requests = 0;
    uint64_t refused = 0;  // answered with 4xx or 5xx
    uint64_t deadlines = 0;
    uint64_t evictions = 0;     // idle connections closed to make room
    uint64_t times_full = 0;    // times that accepting had to wait
    uint64_t rate_limited = 0;  // connections closed and requests answered 429 by a rate limit
};

struct ServerContext {
    // Admit gives the seconds after which this client may come again; 0: it may now.
    unsigned Admit(const core::Address& client) const {
        return options.admit ? options.admit(client) : 0;
    }

    asio::io_context& io;
    const ServerOptions options;
    const SslCtxPtr tls;
    const Router& router;
    Budget budget{options.max_body_bytes * kBodiesInMemory};
    ServerStats stats{};
    std::list<Connection*> idle{};  // the longest idle first
    bool draining = false;
    // Where connections read to before anything is kept; never held across a wait.
    std::array<char, 16384> scratch{};
};

}  // namespace pganalytics::http
