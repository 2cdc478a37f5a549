// Inserts samples in the ways that a client of PostgreSQL has: row by row, pipelined, COPY, COPY
// from a file. Usage: client_inserts rows|pipeline|copy|files|server CONNINFO RELATION ROWS PUSHES
// [DIRECTORY]. "files" writes the files (binary COPY format) that "server" then has the server
// read.
#include <libpq-fe.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "sample_rows.hpp"
#include "timing.hpp"

namespace pganalytics::bench {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using PgResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

template <typename Integer>
std::string BigEndian(Integer value) {
    std::string bytes(sizeof(value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(value));
    if constexpr (std::endian::native == std::endian::little) {
        std::reverse(bytes.begin(), bytes.end());
    }
    return bytes;
}

// Cell is a value in PostgreSQL's binary format.
struct Cell {
    std::string bytes;
    bool is_null = false;
};

std::vector<Cell> MakeRow(int64_t query, int64_t push, int64_t sampled_at) {
    std::vector<Cell> row;
    row.push_back({BigEndian(int32_t{1})});
    row.push_back({BigEndian(static_cast<int32_t>(query + 1))});
    row.push_back({BigEndian(sampled_at + push)});
    const auto counters = Counters();
    for (size_t i = 0; i < counters.size(); ++i) {
        if (IsUsuallyZero(counters[i].name)) {
            row.push_back({"", true});
        } else if (counters[i].type == protocol::ColumnType::kFloat8) {
            row.push_back({BigEndian(std::bit_cast<int64_t>(MillisOf(i, query, push)))});
        } else {
            row.push_back({BigEndian(CountOf(i, query, push))});
        }
    }
    return row;
}

std::string ColumnList() {
    std::string list = "server_id, series_id, sampled_at";
    for (const protocol::Column& column : Counters()) list += ", " + std::string(column.name);
    return list;
}

std::string CopyData(const std::vector<std::vector<Cell>>& rows) {
    std::string data("PGCOPY\n\377\r\n\0", 11);
    data += BigEndian(int32_t{0}) + BigEndian(int32_t{0});
    for (const auto& row : rows) {
        data += BigEndian(static_cast<int16_t>(row.size()));
        for (const Cell& cell : row) {
            data += BigEndian(cell.is_null ? int32_t{-1} : static_cast<int32_t>(cell.bytes.size()));
            data += cell.bytes;
        }
    }
    return data + BigEndian(int16_t{-1});
}

class Client {
  public:
    Client(const char* conninfo, std::string relation)
        : connection_(PQconnectdb(conninfo), &PQfinish), relation_(std::move(relation)) {
        if (PQstatus(connection_.get()) != CONNECTION_OK) Fail();
    }

    pid_t BackendPid() const { return PQbackendPID(connection_.get()); }

    void Execute(const std::string& sql) {
        Check(PgResult(PQexec(connection_.get(), sql.c_str()), &PQclear));
    }

    void PrepareInsert() {
        std::string sql = "INSERT INTO " + relation_ + " (" + ColumnList() + ") VALUES (";
        for (size_t i = 1; i <= 3 + Counters().size(); ++i) {
            sql += (i == 1 ? "$" : ", $") + std::to_string(i);
        }
        Check(
            PgResult(PQprepare(connection_.get(), "i", (sql + ")").c_str(), 0, nullptr), &PQclear));
    }

    // OneByOne sends each row in its own transaction and waits for the answer.
    void OneByOne(const std::vector<std::vector<Cell>>& rows) {
        for (const auto& row : rows) {
            Bind(row);
            Check(PgResult(PQexecPrepared(connection_.get(), "i", static_cast<int>(row.size()),
                                          values_.data(), lengths_.data(), formats_.data(), 0),
                           &PQclear));
        }
    }

    // Pipelined sends all rows without waiting, in one transaction, and reads the answers at the
    // end.
    void Pipelined(const std::vector<std::vector<Cell>>& rows) {
        PGconn* connection = connection_.get();
        if (PQenterPipelineMode(connection) != 1) Fail();
        for (const auto& row : rows) {
            Bind(row);
            if (PQsendQueryPrepared(connection, "i", static_cast<int>(row.size()), values_.data(),
                                    lengths_.data(), formats_.data(), 0) != 1) {
                Fail();
            }
        }
        if (PQpipelineSync(connection) != 1) Fail();
        for (size_t i = 0; i < rows.size(); ++i) {
            Check(PgResult(PQgetResult(connection), &PQclear));
            if (PQgetResult(connection) != nullptr) Fail();
        }
        const PgResult sync(PQgetResult(connection), &PQclear);
        if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) Fail();
        if (PQexitPipelineMode(connection) != 1) Fail();
    }

    void Copy(const std::string& data) {
        const std::string sql =
            "COPY " + relation_ + " (" + ColumnList() + ") FROM STDIN (FORMAT binary)";
        const PgResult started(PQexec(connection_.get(), sql.c_str()), &PQclear);
        if (PQresultStatus(started.get()) != PGRES_COPY_IN ||
            PQputCopyData(connection_.get(), data.data(), static_cast<int>(data.size())) != 1 ||
            PQputCopyEnd(connection_.get(), nullptr) != 1) {
            Fail();
        }
        Check(PgResult(PQgetResult(connection_.get()), &PQclear));
        while (PQgetResult(connection_.get()) != nullptr) Fail();
    }

    void CopyFromServerFile(const std::string& path) {
        Execute("COPY " + relation_ + " (" + ColumnList() + ") FROM '" + path +
                "' (FORMAT binary)");
    }

  private:
    [[noreturn]] void Fail() { throw std::runtime_error(PQerrorMessage(connection_.get())); }

    void Check(const PgResult& result) {
        if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) Fail();
    }

    void Bind(const std::vector<Cell>& row) {
        values_.resize(row.size());
        lengths_.resize(row.size());
        formats_.assign(row.size(), 1);
        for (size_t i = 0; i < row.size(); ++i) {
            values_[i] = row[i].is_null ? nullptr : row[i].bytes.data();
            lengths_[i] = static_cast<int>(row[i].bytes.size());
        }
    }

    Connection connection_;
    std::string relation_;
    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
};

int Run(const std::string& way, const char* conninfo, const std::string& relation, int64_t rows,
        int64_t pushes, const std::string& directory) {
    const int64_t now = core::SystemClock().Now();
    std::vector<std::vector<std::vector<Cell>>> batches;
    std::vector<std::string> encoded;
    if (way != "server") {
        for (int64_t push = 0; push < pushes; ++push) {
            std::vector<std::vector<Cell>> batch;
            for (int64_t query = 0; query < rows; ++query)
                batch.push_back(MakeRow(query, push, now));
            if (way == "copy" || way == "files") {
                encoded.push_back(CopyData(batch));
            } else {
                batches.push_back(std::move(batch));
            }
        }
    }
    auto file_of = [&](int64_t push) { return directory + "/" + std::to_string(push) + ".bin"; };
    if (way == "files") {
        for (int64_t push = 0; push < pushes; ++push) {
            std::ofstream(file_of(push), std::ios::binary) << encoded[static_cast<size_t>(push)];
        }
        return 0;
    }

    Client client(conninfo, relation);
    if (way == "rows" || way == "pipeline") client.PrepareInsert();
    Measured measured;
    measured.rows = rows * pushes;
    measured.backend_pid = client.BackendPid();
    const double cpu_before = CpuSeconds(0);
    const double backend_cpu_before = CpuSeconds(client.BackendPid());
    const Clock::time_point began = Clock::now();
    for (int64_t push = 0; push < pushes; ++push) {
        const Clock::time_point push_began = Clock::now();
        const auto i = static_cast<size_t>(push);
        if (way == "rows") {
            client.OneByOne(batches[i]);
        } else if (way == "pipeline") {
            client.Pipelined(batches[i]);
        } else if (way == "copy") {
            client.Copy(encoded[i]);
        } else {
            client.CopyFromServerFile(file_of(push));
        }
        measured.latencies.push_back(SecondsSince(push_began));
    }
    measured.seconds = SecondsSince(began);
    measured.client_cpu = CpuSeconds(0) - cpu_before;
    measured.backend_cpu = CpuSeconds(client.BackendPid()) - backend_cpu_before;
    Print(std::move(measured));
    return 0;
}

}  // namespace
}  // namespace pganalytics::bench

int main(int argc, char** argv) {
    const std::string way = argc > 1 ? argv[1] : "";
    if (argc < 6 || (way != "rows" && way != "pipeline" && way != "copy" && way != "files" &&
                     way != "server")) {
        std::fprintf(stderr,
                     "usage: client_inserts rows|pipeline|copy|files|server CONNINFO "
                     "RELATION ROWS PUSHES [DIRECTORY]\n");
        return 2;
    }
    try {
        return pganalytics::bench::Run(way, argv[2], argv[3], std::stoll(argv[4]),
                                       std::stoll(argv[5]), argc > 6 ? argv[6] : ".");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "client_inserts: %s\n", error.what());
        return 1;
    }
}
