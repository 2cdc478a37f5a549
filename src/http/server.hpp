// Server: listeners, connections and their limits, on one thread.
#pragma once

#include <functional>
#include <list>

#include "http/asio.hpp"
#include "http/connection.hpp"
#include "http/server_context.hpp"

namespace pganalytics::http {

class Server {
  public:
    // `router` must outlive the server.
    Server(asio::io_context& io, const ServerOptions& options, SslCtxPtr tls, const Router& router);

    // Listen starts to accept connections on the listening socket `fd`. The server owns the socket
    // and makes it non-blocking.
    void Listen(int fd);

    // Drain makes the server stop accepting. From then on every answer closes its connection. The
    // server calls `on_empty` when the last connection has ended, or at once if there is none.
    void Drain(std::function<void()> on_empty);
    void CloseIdle();

    // CloseWith closes the connections for whose client certificate `condemned` returns true: an
    // idle connection at once, a busy connection after its next answer.
    void CloseWith(const std::function<bool(X509*)>& condemned);

    const ServerStats& stats() const { return context_.stats; }

  private:
    struct Listener {
        Listener(asio::io_context& io, int fd) : descriptor(io, fd), room(io) {}
        asio::posix::stream_descriptor descriptor;
        Event room;
    };

    Task<> Accept(Listener& listener);
    bool AcceptOne(int listener);
    Task<> Sweep();
    void Close(Connection* connection);
    void CloseOldestIdle();
    void CloseCrowding();
    void OnEnd(Connection* connection);

    ServerContext context_;
    std::list<Listener> listeners_;
    std::list<Connection> connections_;
    bool sweeping_ = false;
    std::function<void()> on_empty_;
};

}  // namespace pganalytics::http
