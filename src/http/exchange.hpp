// Exchange: one request on a connection, as its handler sees it.
#pragma once

#include <memory>
#include <string>

#include "core/address.hpp"
#include "core/result.hpp"
#include "http/asio.hpp"
#include "http/budget.hpp"
#include "http/request_parser.hpp"
#include "http/tls_stream.hpp"

namespace pganalytics::http {

class Connection;

// ConnectionMemo is what handlers keep between requests of one connection.
struct ConnectionMemo {
    virtual ~ConnectionMemo() = default;
};

class Exchange {
  public:
    Exchange(Connection& connection, Budget& budget, RequestParser& request, std::string& input)
        : lease(budget), connection_(connection), request_(request), input_(input) {}

    RequestParser& request() { return request_; }
    std::unique_ptr<ConnectionMemo>& memo();
    // The client: its certificate (TlsStream::Peer), its address without the port.
    const TlsStream& stream() const;
    const std::string& address() const;
    const core::Address& client() const;  // address() as bytes

    // ReadBody reads the whole body into request().body(); first it sends `100 Continue` if the
    // client waits for it. Errors: 400 for a body that is not HTTP, 413, 503 if too many bodies are
    // in memory; status 0 if the client is gone and nobody waits for an answer.
    Task<core::Status> ReadBody();

    // The share of the budget for the body and all that is made from it.
    Lease lease;

  private:
    Connection& connection_;
    RequestParser& request_;
    std::string& input_;
};

}  // namespace pganalytics::http
