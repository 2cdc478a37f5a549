// Log: sends lines for the server log to the worker, which writes them. Strangers can cause these
// lines, and must not be able to fill a disk with them. So after a line of a kind the next one
// waits 10 s, and twice as long each time while more come, up to 10 minutes. A kind that was silent
// for 10 minutes begins anew.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/monotonic.hpp"
#include "gateway/process/refusals.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/server.hpp"

namespace pganalytics::gateway {

class Log {
  public:
    enum class Kind : uint32_t { kLife, kConnections, kMemory, kWorker, kCertificates };

    explicit Log(WorkerLink& link) : link_(link) {}

    // Line sends one line. If a line of this kind was sent too recently, Line drops the new line
    // and counts it. The next line of this kind shows the count. REQUIRES: `message` holds no
    // secrets: no tokens, no bodies, no query texts.
    void Line(Kind kind, bool warning, std::string message);

  private:
    static constexpr size_t kKinds = 5;
    static constexpr int64_t kFirstWaitMs = 10'000;
    static constexpr int64_t kLongestWaitMs = 600'000;
    struct State {
        core::Backoff wait{kFirstWaitMs, kLongestWaitMs};  // grows with each line
        core::Timer silence;                               // until the kind begins anew
        uint64_t suppressed = 0;
    };
    WorkerLink& link_;
    std::array<State, kKinds> states_;
};

// Monitor never ends. Once a second it sends the counters, sends the counts of refusals that are
// due, and logs if a client had to wait because all connections were busy. The counters also show
// the worker that this event loop runs: the worker ends a gateway that sends nothing for 5 s.
http::Task<> Monitor(http::asio::io_context& io, const http::Server& server, WorkerLink& link,
                     Log& log, Refusals& refusals);

}  // namespace pganalytics::gateway
