// Connection: one TLS connection from handshake to close, request after request.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "core/address.hpp"
#include "http/asio.hpp"
#include "http/exchange.hpp"
#include "http/response.hpp"
#include "http/server_context.hpp"
#include "http/tls_stream.hpp"

namespace pganalytics::http {

class Connection {
  public:
    // `client` is the client's address. `server` must outlive the connection.
    Connection(ServerContext& server, int fd, const core::Address& client);

    // Run serves the connection until its end.
    Task<> Run();

  private:
    friend class Exchange;
    friend class Server;

    Task<bool> AwaitRequest();
    Task<bool> ServeRequest();
    Task<core::Status> ReadHead(RequestParser& parser, std::string& input);
    Task<core::Status> ReadBody(RequestParser& parser, std::string& input, Lease& lease);
    Task<Response> Handle(Exchange& exchange);
    Task<bool> Answer(const Response& response, bool keep, bool head_only);
    Task<bool> ReadMore(std::string& input);
    // Take appends the first `bytes` bytes of the server's scratch buffer to `input`.
    void Take(std::string& input, size_t bytes);
    Task<> Linger();
    void EnterIdle();
    void LeaveIdle();
    // From StartWaiting to StopWaiting the connection waits for its client, which makes it one of
    // those that are closed if their sender has too many of them.
    void StartWaiting();
    void StopWaiting();

    ServerContext& server_;
    const core::Address client_;
    Sender sender_;
    TlsStream stream_;
    const std::string address_;  // client_ as text
    TimePoint accepted_;
    // At this time the server aborts the connection, whatever it is doing.
    TimePoint deadline_;
    std::string pending_;  // received, not yet parsed
    std::unique_ptr<ConnectionMemo> memo_;
    // Positions in the server's lists:
    std::list<Connection>::iterator self_;
    std::list<Connection*>::iterator idle_self_;
    std::optional<Waits::Place> waiting_;
    TimePoint idle_since_;
    bool idle_ = false;
    bool last_ = false;  // close after the next answer
    bool lingering_ = false;
    bool admitted_ = true;  // the next request was admitted with the connection
    bool limited_ = false;  // the last request was refused with 429
};

}  // namespace pganalytics::http
