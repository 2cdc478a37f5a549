// Log: lines for the server log, which the worker writes. At most one line a second of each kind,
// and one a minute of the kind that any stranger can cause: that must not fill a disk.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "gateway/process/refusals.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/server.hpp"

namespace pganalytics::gateway {

class Log {
  public:
    enum class Kind : uint32_t { kLife, kConnections, kMemory, kWorker, kCertificates };

    explicit Log(WorkerLink& link) : link_(link) {}

    // Lines must not hold secrets: no tokens, no bodies, no query texts.
    void Line(Kind kind, bool warning, std::string message);

  private:
    static constexpr size_t kKinds = 5;
    struct Last {
        std::chrono::steady_clock::time_point sent;
        uint64_t suppressed = 0;
    };
    WorkerLink& link_;
    std::array<Last, kKinds> last_;
};

// Monitor runs for ever. Once a second it sends the counters if one has changed, sends the refusals
// that are due, and logs when all connections were busy.
http::Task<> Monitor(http::asio::io_context& io, const http::Server& server, WorkerLink& link,
                     Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
