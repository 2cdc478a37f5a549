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
#include "http/waits.hpp"

namespace pganalytics::http {

class Connection;

struct ServerOptions {
    size_t max_connections = 200;
    size_t max_idle_connections = 50;
    // The age at which the server closes a connection, counted from accept. A connection that is
    // busy at that age is closed after its next answer.
    std::chrono::milliseconds connection_lifetime{300000};
    // The time limit for each of these: the handshake; the head of a request, from its first byte;
    // the body (plus the time that the bytes received so far take at kSlowestBytesPerSecond); the
    // client's reading of an answer.
    std::chrono::milliseconds connection_timeout{5000};
    uint64_t max_body_bytes = 64 << 20;
    // True if requests may hold passwords. After each request the server then overwrites the bytes
    // that it has received, but not the fields of the parsed head.
    bool cleanse_input = false;
    // The server calls admit before the handshake of each connection, for the connection and its
    // first request, and before the body of each further request. admit returns 0, or the seconds
    // after which this client may retry. If admit is empty, all clients are admitted.
    std::function<unsigned(const core::Address&)> admit;
    // The server calls on_crowding when it closes a connection of this client to make room, because
    // the sender keeps too many connections waiting. It may be empty.
    std::function<void(const core::Address&)> on_crowding;
};
inline constexpr uint64_t kSlowestBytesPerSecond = 256 << 10;
// For this time after a connection has become idle, the server closes it neither for its age nor
// for max_idle_connections, because the next request may be on its way.
inline constexpr std::chrono::seconds kIdleGrace{1};
// The budget for all bodies in memory is kBodiesInMemory * max_body_bytes; one sender may use
// kBodiesOfSender * max_body_bytes of it.
inline constexpr uint64_t kBodiesInMemory = 4;
inline constexpr uint64_t kBodiesOfSender = 2;
// Once less than a quarter of max_connections is free, a sender that keeps more than a quarter of
// them waiting (for a handshake, a head, a body or the reading of an answer) loses the oldest one
// for each new connection. So one sender cannot keep the others out.
constexpr size_t WaitingShare(size_t max_connections) {
    return max_connections < 4 ? 1 : max_connections / 4;
}

// ServerStats are totals since the start, except `open`, which is the present number. The totals
// have the names of columns of pganalytics.workers.
struct ServerStats {
    uint64_t open = 0;
    uint64_t accepted = 0;
    uint64_t handshakes_failed = 0;
    uint64_t requests = 0;
    uint64_t refused = 0;  // answered with 4xx or 5xx
    uint64_t deadlines = 0;
    uint64_t evictions = 0;     // connections closed to make room
    uint64_t times_full = 0;    // how often accepting waited because all connections were busy
    uint64_t rate_limited = 0;  // connections closed, or requests answered 429, by a rate limit
};

struct ServerContext {
    // Admit returns 0 if this client is admitted now, else the seconds after which it may retry.
    unsigned Admit(const core::Address& client) const {
        return options.admit ? options.admit(client) : 0;
    }

    asio::io_context& io;
    const ServerOptions options;
    const SslCtxPtr tls;
    const Router& router;
    Budget budget{options.max_body_bytes * kBodiesInMemory,
                  options.max_body_bytes* kBodiesOfSender};
    ServerStats stats{};
    std::list<Connection*> idle{};  // longest idle first
    Waits waits{WaitingShare(options.max_connections)};
    bool draining = false;
    // Connections read into this buffer and copy the bytes that they keep. No coroutine uses its
    // content after a co_await.
    std::array<char, 16384> scratch{};
};

}  // namespace pganalytics::http
