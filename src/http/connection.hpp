// Connection: the life of one TLS connection, request after request.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "http/asio.hpp"
#include "http/exchange.hpp"
#include "http/response.hpp"
#include "http/tls_stream.hpp"

namespace pganalytics::http {

class Server;

class Connection {
  public:
    // `address` is that of the client, without the port.
    Connection(Server& server, int fd, std::string address);

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
    Task<> Linger();

    Server& server_;
    TlsStream stream_;
    const std::string address_;
    TimePoint accepted_;
    // When the server aborts the connection, whatever it is doing.
    TimePoint deadline_;
    std::string pending_;  // received, not yet parsed
    std::unique_ptr<ConnectionMemo> memo_;
    // Of the server's lists:
    std::list<Connection>::iterator self_;
    std::list<Connection*>::iterator idle_self_;
    TimePoint idle_since_;
    bool idle_ = false;
    bool last_ = false;  // its next answer is its last
};

}  // namespace pganalytics::http
