// Exchange: one request on a connection, as its handler sees it.
#pragma once

#include <memory>
#include <string>

#include "core/address.hpp"
#include "core/result.hpp"
#include "http/asio.hpp"
#include "http/budget.hpp"
#include "http/request_parser.hpp"
#include "http/sender.hpp"
#include "http/tls_stream.hpp"

namespace pganalytics::http {

class Connection;

// ConnectionMemo is the base of the data that handlers keep between the requests of one connection.
struct ConnectionMemo {
    virtual ~ConnectionMemo() = default;
};

class Exchange {
  public:
    Exchange(Connection& connection, Budget& budget, RequestParser& request, std::string& input);

    RequestParser& request() { return request_; }
    std::unique_ptr<ConnectionMemo>& memo();
    // stream gives the client's certificate (TlsStream::Peer). address is the client's address as
    // text, without the port.
    const TlsStream& stream() const;
    const std::string& address() const;
    const core::Address& client() const;  // address() as bytes

    // SetSender says who sends this request and the next ones of the connection. Until then it is
    // the client's network. REQUIRES: ReadBody was not called yet.
    void SetSender(const Sender& sender);

    // ReadBody reads the whole body into request().body(). If the client waits for `100 Continue`,
    // ReadBody sends that first. Errors:
    //   400: the body is malformed.
    //   413: the body is too large.
    //   503: too many bodies are in memory, of all senders or of this one.
    //   0: the client is gone, so nobody waits for an answer.
    Task<core::Status> ReadBody();

    // lease is what this request holds of the memory budget, for the body and everything that
    // handlers make from it.
    Lease lease;

  private:
    Connection& connection_;
    RequestParser& request_;
    std::string& input_;
};

}  // namespace pganalytics::http
