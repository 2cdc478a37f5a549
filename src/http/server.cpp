#include "http/server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

namespace pganalytics::http {
namespace {

using Clock = std::chrono::steady_clock;

// A deadline is enforced at most this much too late.
constexpr std::chrono::milliseconds kSweepInterval{100};
// How long to wait when the system has no descriptor or no memory for another connection.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

Server::Server(asio::io_context& io, const ServerOptions& options, SslCtxPtr tls,
               const Router& router)
    : context_{io, options, std::move(tls), router} {
    if (options.cleanse_input) SSL_CTX_set_options(context_.tls.get(), SSL_OP_CLEANSE_PLAINTEXT);
}

void Server::Listen(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    Listener& listener = listeners_.emplace_back(context_.io, fd);
    asio::co_spawn(context_.io, Accept(listener), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
}

Task<> Server::Accept(Listener& listener) {
    while (!context_.draining) {
        boost::system::error_code error;
        co_await listener.descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                                asio::redirect_error(asio::use_awaitable, error));
        if (context_.draining || error) break;
        if (connections_.size() >= context_.options.max_connections) {
            if (context_.idle.empty()) ++context_.stats.times_full;
            CloseOldestIdle();
            // Wait until a connection has ended. New clients wait in the kernel's queue meanwhile.
            while (!context_.draining && connections_.size() >= context_.options.max_connections) {
                CloseCrowding();
                co_await listener.room.Wait(Clock::now() + context_.options.connection_timeout);
            }
            continue;
        }
        if (!AcceptOne(listener.descriptor.native_handle())) {
            co_await listener.room.Wait(Clock::now() + kAcceptPause);
        }
    }
}

// AcceptOne accepts one connection from a listener's queue. It returns false if the system has no
// descriptor or no memory for the connection.
bool Server::AcceptOne(int listener) {
    sockaddr_storage peer = {};
    socklen_t peer_size = sizeof(peer);
    const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&peer), &peer_size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    const core::Address client = core::AddressOf(peer);
    if (context_.Admit(client) != 0) {
        // Close without a handshake, because a handshake is the most expensive work that a stranger
        // can ask for.
        close(fd);
        ++context_.stats.rate_limited;
        return true;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection* connection = nullptr;
    try {
        connection = &connections_.emplace_back(context_, fd, client);
    } catch (const std::exception&) {
        close(fd);
        return false;
    }
    connection->self_ = std::prev(connections_.end());
    ++context_.stats.accepted;
    context_.stats.open = connections_.size();
    asio::co_spawn(context_.io, connection->Run(), [this, connection](std::exception_ptr) {
        // An exception ends only this connection. The other connections go on.
        OnEnd(connection);
    });
    const size_t most = context_.options.max_connections;
    if (connections_.size() > most - WaitingShare(most)) CloseCrowding();
    if (!sweeping_) {
        sweeping_ = true;
        asio::co_spawn(context_.io, Sweep(), [this](std::exception_ptr) { sweeping_ = false; });
    }
    return true;
}

// Sweep enforces all deadlines with one timer, as long as there are connections.
Task<> Server::Sweep() {
    asio::steady_timer timer(context_.io);
    while (!connections_.empty()) {
        timer.expires_after(kSweepInterval);
        co_await timer.async_wait(asio::use_awaitable);
        const TimePoint now = Clock::now();
        for (Connection& connection : connections_) {
            if (now < connection.deadline_ || connection.stream_.aborted()) continue;
            if (!connection.idle_ && !connection.lingering_) ++context_.stats.deadlines;
            Close(&connection);
        }
        while (context_.idle.size() > context_.options.max_idle_connections &&
               now - context_.idle.front()->idle_since_ > kIdleGrace) {
            CloseOldestIdle();
        }
    }
}

// Close ends a connection in any state. An idle connection gets close_notify first.
void Server::Close(Connection* connection) {
    if (connection->idle_) {
        connection->LeaveIdle();
        connection->stream_.Finish();
    }
    connection->stream_.Abort();
}

void Server::CloseOldestIdle() {
    if (context_.idle.empty()) return;
    ++context_.stats.evictions;
    Close(context_.idle.front());
}

// CloseCrowding closes the connection that waits longest of the sender that keeps too many waiting,
// if there is one.
void Server::CloseCrowding() {
    Connection* const connection = context_.waits.Crowding();
    if (connection == nullptr) return;
    ++context_.stats.evictions;
    if (context_.options.on_crowding) context_.options.on_crowding(connection->client_);
    connection->StopWaiting();
    connection->stream_.Abort();
}

void Server::OnEnd(Connection* connection) {
    connection->LeaveIdle();
    connection->StopWaiting();
    connections_.erase(connection->self_);
    context_.stats.open = connections_.size();
    for (Listener& listener : listeners_) listener.room.Notify();
    if (connections_.empty() && context_.draining && on_empty_) on_empty_();
}

void Server::Drain(std::function<void()> on_empty) {
    on_empty_ = std::move(on_empty);
    context_.draining = true;
    for (Listener& listener : listeners_) {
        boost::system::error_code ignored;
        listener.descriptor.close(ignored);
        listener.room.Notify();
    }
    if (connections_.empty() && on_empty_) on_empty_();
}

void Server::CloseWith(const std::function<bool(X509*)>& condemned) {
    for (Connection& connection : connections_) {
        X509* const certificate = connection.stream_.Peer();
        if (certificate == nullptr || !condemned(certificate)) continue;
        connection.last_ = true;
        if (connection.idle_) Close(&connection);
    }
}

void Server::CloseIdle() {
    while (!context_.idle.empty()) Close(context_.idle.front());
}

}  // namespace pganalytics::http
