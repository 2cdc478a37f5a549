// Server: listeners, connections and their limits, on one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "core/address.hpp"

#include "http/asio.hpp"
#include "http/budget.hpp"
#include "http/connection.hpp"
#include "http/router.hpp"
#include "http/tls_context.hpp"

namespace pganalytics::http {

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

class Server {
  public:
    // `router` must live as long as the server.
    Server(asio::io_context& io, const ServerOptions& options, SslCtxPtr tls, const Router& router);

    // Listen accepts on a listening socket, which it makes non-blocking and owns.
    void Listen(int fd);

    // Drain stops accepting; every answer from now on closes its connection. `on_empty` is called
    // when the last connection has gone, at once if there is none.
    void Drain(std::function<void()> on_empty);
    void CloseIdle();

    // CloseWith closes the connections whose client has shown a certificate that `condemned` holds
    // for: idle ones at once, the others with the answer to their next or present request.
    void CloseWith(const std::function<bool(X509*)>& condemned);

    const ServerStats& stats() const { return stats_; }

  private:
    friend class Connection;
    friend class Exchange;
    struct Listener {
        Listener(asio::io_context& io, int fd) : descriptor(io, fd), room(io) {}
        asio::posix::stream_descriptor descriptor;
        Event room;
    };

    Task<> Accept(Listener& listener);
    bool AcceptOne(int listener);
    unsigned Admit(const core::Address& client) const;
    Task<> Sweep();
    void Close(Connection* connection);
    void CloseOldestIdle();
    void EnterIdle(Connection* connection);
    void LeaveIdle(Connection* connection);
    void OnEnd(Connection* connection);

    asio::io_context& io_;
    ServerOptions options_;
    SslCtxPtr tls_;
    const Router& router_;
    Budget budget_;
    ServerStats stats_;
    std::list<Listener> listeners_;
    std::list<Connection> connections_;
    std::list<Connection*> idle_;  // the longest idle first
    bool sweeping_ = false;
    bool draining_ = false;
    std::function<void()> on_empty_;
    // Where connections read to before anything is kept; never held across a wait.
    std::array<char, 16384> scratch_;
};

}  // namespace pganalytics::http
