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

// ConnectionMemo is what handlers keep from one request of a connection to the next.
struct ConnectionMemo {
    virtual ~ConnectionMemo() = default;
};

class Exchange {
  public:
    Exchange(Connection& connection, Budget& budget, RequestParser& request, std::string& input)
        : lease(budget), connection_(connection), request_(request), input_(input) {}

    RequestParser& request() { return request_; }
    std::unique_ptr<ConnectionMemo>& memo();
    // The client's end: its certificate (TlsStream::Peer), its address without the port.
    const TlsStream& stream() const;
    const std::string& address() const;
    const core::Address& client() const;  // the same

    // ReadBody reads the whole body into request().body(), after `100 Continue` where the client
    // waits for it. Errors: 400 for a body that is not HTTP, 413, 503 when too much is in memory
    // already; status 0 when the client is gone and nobody waits for an answer.
    Task<core::Status> ReadBody();

    // What the body and all that is made of it hold of the budget.
    Lease lease;

  private:
    Connection& connection_;
    RequestParser& request_;
    std::string& input_;
};

}  // namespace pganalytics::http
