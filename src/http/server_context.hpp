// ServerContext: what a server and its connections share: options, counters, memory, the idle list.
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
    // From accept. A connection older than this is closed when it is idle, or after its next
    // answer.
    std::chrono::milliseconds connection_lifetime{300000};
    // For the handshake; for the head of a request from its first byte; for the body, in addition
    // to the time that its size takes at kSlowestBytesPerSecond; for the client to read an answer.
    std::chrono::milliseconds connection_timeout{5000};
    uint64_t max_body_bytes = 64 << 20;
    // Set if requests hold passwords: input is overwritten after use, except what is kept of heads.
    bool cleanse_input = false;
    // Called for each connection before its handshake (this covers its first request), and for each
    // further request before its body. Result: 0, or the seconds after which this client may retry.
    // Empty: all clients are admitted.
    std::function<unsigned(const core::Address&)> admit;
};
inline constexpr uint64_t kSlowestBytesPerSecond = 256 << 10;
// A connection that has just become idle is not closed for its age or for the limit of idle ones:
// its next request may be on its way.
inline constexpr std::chrono::seconds kIdleGrace{1};
// Limit of bodies in memory over all connections, in bodies of the largest size.
inline constexpr uint64_t kBodiesInMemory = 4;

// ServerStats are totals since the start, except `open`, which is the present number. They have the
// names of the columns of pganalytics.workers.
struct ServerStats {
    uint64_t open = 0;
    uint64_t accepted = 0;
    uint64_t handshakes_failed = 0;
    uint64_t requests = 0;
    uint64_t refused = 0;  // answered with 4xx or 5xx
    uint64_t deadlines = 0;
    uint64_t evictions = 0;     // idle connections closed to make room
    uint64_t times_full = 0;    // how often accepting had to wait
    uint64_t rate_limited = 0;  // connections closed and requests answered 429 by a rate limit
};

struct ServerContext {
    // Admit gives the seconds after which this client may retry; 0: admitted now.
    unsigned Admit(const core::Address& client) const {
        return options.admit ? options.admit(client) : 0;
    }

    asio::io_context& io;
    const ServerOptions options;
    const SslCtxPtr tls;
    const Router& router;
    Budget budget{options.max_body_bytes * kBodiesInMemory};
    ServerStats stats{};
    std::list<Connection*> idle{};  // longest idle first
    bool draining = false;
    // Connections read into this buffer and copy out what they keep; never in use across a wait.
    std::array<char, 16384> scratch{};
};

}  // namespace pganalytics::http
