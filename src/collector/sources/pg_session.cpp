// Calls libpq without blocking, so that every wait ends at its limit or at a stop request.
#include "collector/sources/pg_session.hpp"

#include <poll.h>

#include <bit>
#include <cstring>

#include "collector/life/secret.hpp"

namespace pganalytics::collector {
namespace {

template <typename T>
T FromNetworkOrder(std::string_view bytes) {
    T value = 0;
    if (bytes.size() != sizeof(T)) return value;
    for (const char c : bytes) value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
    return value;
}

// OneLine converts libpq's message to one line without a trailing line break.
std::string OneLine(const char* text) {
    std::string line;
    for (const char* at = text; *at != '\0'; ++at) {
        if (*at != '\n') {
            line += *at == '\t' ? ' ' : *at;
        } else if (at[1] != '\0') {
            line += "; ";
        }
    }
    return line;
}

// ServerMessage is the server's message without the excerpt of the statement. If the server sent no
// message, it is libpq's own.
std::string ServerMessage(const PGresult* result) {
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (primary == nullptr) return OneLine(PQresultErrorMessage(result));
    std::string message = OneLine(primary);
    for (const int field : {int{PG_DIAG_MESSAGE_DETAIL}, int{PG_DIAG_MESSAGE_HINT}}) {
        const char* more = PQresultErrorField(result, field);
        if (more != nullptr) message += "; " + OneLine(more);
    }
    return message;
}

constexpr const char* kSessionSettings =
    "SELECT pg_catalog.set_config('search_path', '', false),"
    " pg_catalog.set_config('statement_timeout', '5s', false),"
    " pg_catalog.set_config('lock_timeout', '100ms', false),"
    " pg_catalog.set_config('default_transaction_read_only', 'on', false)";

}  // namespace

uint64_t PgResult::Word(int row, int column) const {
    return FromNetworkOrder<uint64_t>(Bytes(row, column));
}

uint32_t PgResult::Int4(int row, int column) const {
    return FromNetworkOrder<uint32_t>(Bytes(row, column));
}

bool PgResult::Bool(int row, int column) const {
    const std::string_view bytes = Bytes(row, column);
    return !bytes.empty() && bytes[0] != 0;
}

core::Error PgSession::Fail(std::string message, std::string sqlstate) {
    error_ = {std::move(message), std::move(sqlstate)};
    if (error_.sqlstate.empty()) Close();
    return core::Error{error_.message};
}

// WaitFor returns true when the socket is ready, false at the deadline or when the program stops.
bool PgSession::WaitFor(PGconn* connection, bool for_writing, SteadyTime deadline) const {
    while (!stop_->raised()) {
        const int left_ms = MillisUntil(deadline);
        if (left_ms == 0) return false;
        const short wanted = for_writing ? POLLIN | POLLOUT : POLLIN;
        pollfd waited[2] = {{PQsocket(connection), wanted, 0}, {stop_->fd(), POLLIN, 0}};
        if (poll(waited, 2, left_ms) > 0 && waited[0].revents != 0) return true;
    }
    return false;
}

core::Status PgSession::Connect(const MonitoredServer& server) {
    Close();
    std::string password;
    if (!server.password_file.empty()) {
        // Read it for each connection: a password that was changed needs no restart.
        core::Result<std::string> read = ReadSecretFile(server.password_file);
        if (!read.ok()) return Fail(read.error().message);
        password = *std::move(read);
    }
    const auto deadline = std::chrono::steady_clock::now() + kConnectTimeout;
    // With expand_dbname, the keyword dbname takes the whole conninfo; later keywords override it.
    std::vector<const char*> keywords = {"dbname", "application_name", "client_encoding"};
    std::vector<const char*> values = {server.conninfo.c_str(), "pganalytics-collector", "UTF8"};
    if (!password.empty()) {
        keywords.push_back("password");
        values.push_back(password.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    Connection connection(PQconnectStartParams(keywords.data(), values.data(), 1), &PQfinish);
    if (!connection) return Fail("out of memory");
    // Without a processor libpq would write the server's notices to stderr, between our log lines.
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    if (core::Status status = FinishConnecting(connection.get(), deadline); !status.ok()) {
        if (PQconnectionUsedPassword(connection.get()) == 0 || server.password_file.empty()) {
            return status;
        }
        return Fail(status.error().message + "; the password is that of \"" + server.password_file +
                    "\", which is read again for each connection");
    }
    if (PQsetnonblocking(connection.get(), 1) != 0) return Fail("cannot poll the connection");
    connection_ = std::move(connection);
    const auto settings = Query(kSessionSettings);
    if (!settings.ok()) {
        const core::Error error = settings.error();
        Close();
        return error;
    }
    return core::Unit{};
}

core::Status PgSession::FinishConnecting(PGconn* connection, SteadyTime deadline) {
    auto state = PGRES_POLLING_WRITING;
    while (PQstatus(connection) != CONNECTION_BAD) {
        if (!WaitFor(connection, state == PGRES_POLLING_WRITING, deadline)) {
            return Fail(stop_->raised() ? "stopping" : "no answer within 5 s while connecting");
        }
        state = PQconnectPoll(connection);
        if (state == PGRES_POLLING_OK) return core::Unit{};
        if (state == PGRES_POLLING_FAILED) break;
    }
    std::string message = OneLine(PQerrorMessage(connection));
    if (PQconnectionNeedsPassword(connection)) message += "; give a password_file";
    return Fail(message);
}

core::Result<PgResult> PgSession::Query(const std::string& sql,
                                        const std::vector<std::string>& parameters) {
    if (!connection_) return core::Error{"not connected"};
    PGconn* connection = connection_.get();
    const auto deadline = std::chrono::steady_clock::now() + kAnswerTimeout;
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    if (PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 1) == 0) {
        return Fail(OneLine(PQerrorMessage(connection)));
    }
    PgResult last(nullptr);
    while (true) {
        const int unsent = PQflush(connection);
        if (unsent < 0) return Fail(OneLine(PQerrorMessage(connection)));
        if (unsent == 0 && PQisBusy(connection) == 0) {
            PGresult* result = PQgetResult(connection);
            if (result == nullptr) break;
            last = PgResult(result);
            continue;
        }
        if (!WaitFor(connection, unsent > 0, deadline)) {
            return Fail(stop_->raised() ? "stopping" : "no answer within 8 s");
        }
        if (PQconsumeInput(connection) == 0) return Fail(OneLine(PQerrorMessage(connection)));
    }
    const ExecStatusType status = PQresultStatus(last.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return last;
    const char* sqlstate = PQresultErrorField(last.get(), PG_DIAG_SQLSTATE);
    std::string message = ServerMessage(last.get());
    // After FATAL (session terminated, server shut down) the connection is unusable.
    const bool alive = PQstatus(connection) == CONNECTION_OK && sqlstate != nullptr;
    return Fail(std::move(message), alive ? sqlstate : "");
}

std::string PgSession::QuotedUser() const {
    const char* user = connection_ ? PQuser(connection_.get()) : nullptr;
    if (user == nullptr) return "";
    char* quoted = PQescapeIdentifier(connection_.get(), user, std::strlen(user));
    const std::string result = quoted == nullptr ? user : quoted;
    PQfreemem(quoted);
    return result;
}

bool PgSession::SetClientEncoding(const std::string& name) {
    return Query("SELECT pg_catalog.set_config('client_encoding', $1, false)", {name}).ok();
}

}  // namespace pganalytics::collector
