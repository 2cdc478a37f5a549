// PgSession: one connection to a monitored server; every wait has a limit.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "collector/life/config.hpp"
#include "collector/life/stop.hpp"
#include "core/result.hpp"

namespace pganalytics::collector {

inline constexpr std::chrono::seconds kConnectTimeout{5};
// kAnswerTimeout is the client's limit for one answer. The server cancels a statement after 5 s, so
// this limit is for a server or network that does not answer at all.
inline constexpr std::chrono::seconds kAnswerTimeout{8};

// PgResult owns the rows of a result. Their values are in binary format, in network byte order.
class PgResult {
  public:
    explicit PgResult(PGresult* result) : result_(result, &PQclear) {}

    int rows() const { return PQntuples(result_.get()); }
    bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
    std::string_view Bytes(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column),
                static_cast<size_t>(PQgetlength(result_.get(), row, column))};
    }
    // Word reads an int8 or float8 as its 8 bytes; Int4 reads an int4 or oid. The result is 0 if
    // the value is NULL or has another length.
    uint64_t Word(int row, int column) const;
    uint32_t Int4(int row, int column) const;
    bool Bool(int row, int column) const;

    PGresult* get() const { return result_.get(); }

  private:
    std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// PgError says why a statement failed. `sqlstate` is "" if the connection itself failed.
struct PgError {
    std::string message;
    std::string sqlstate;
};

class PgSession {
  public:
    explicit PgSession(const StopSignal* stop) : stop_(stop) {}

    // Connect opens a read-only session with client_encoding UTF8, statement_timeout 5 s,
    // lock_timeout 100 ms, an empty search_path, and an application_name. It reads the server's
    // password_file. Messages contain no password.
    core::Status Connect(const MonitoredServer& server);
    bool connected() const { return connection_ != nullptr; }
    void Close() { connection_.reset(); }

    // Query runs one statement with text parameters. After a failure, error() says why. If the
    // connection is lost or the answer does not come within kAnswerTimeout, the session is closed.
    core::Result<PgResult> Query(const std::string& sql,
                                 const std::vector<std::string>& parameters = {});
    const PgError& error() const { return error_; }

    // QuotedUser is the role of this session, quoted for SQL; "" if not connected.
    std::string QuotedUser() const;

    // SetClientEncoding sets the encoding of received texts; returns false if the server refuses.
    bool SetClientEncoding(const std::string& name);

  private:
    using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

    core::Error Fail(std::string message, std::string sqlstate = "");
    bool WaitFor(PGconn* connection, bool for_writing, SteadyTime deadline) const;
    core::Status FinishConnecting(PGconn* connection, SteadyTime deadline);

    const StopSignal* stop_;
    Connection connection_{nullptr, &PQfinish};
    PgError error_;
};

}  // namespace pganalytics::collector
