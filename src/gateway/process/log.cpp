#include "gateway/process/log.hpp"

#include <chrono>

#include "core/utf8.hpp"

namespace pganalytics::gateway {
namespace {

constexpr std::chrono::seconds kInterval{1};

protocol::Counters CountersOf(const http::ServerStats& stats) {
    protocol::Counters counters;
    counters.connections_open = stats.open;
#define GATEWAY_COUNTER(id, name, ...) \
    counters.totals[static_cast<size_t>(protocol::GatewayCounter::id)] = stats.name;
#include "protocol/worker_counters.def"
    return counters;
}

}  // namespace

void Log::Line(Kind kind, bool warning, std::string message) {
    State& state = states_[static_cast<size_t>(kind)];
    const core::Instant now = core::Instant::Now();
    if (state.silence.IsDue(now)) state.wait.Reset();
    state.silence.Start(now, kLongestWaitMs);
    if (!state.wait.MayTry(now)) {
        ++state.suppressed;
        return;
    }
    if (state.suppressed > 0) {
        message += " (" + std::to_string(state.suppressed) + " such messages not shown)";
    }
    state.wait.Fail(now);
    state.suppressed = 0;
    core::MakePrintable(message.data(), message.size());
    link_.Send(protocol::FrameType::kLog, protocol::LogLine{warning ? 1u : 0u, message});
}

http::Task<> Monitor(http::asio::io_context& io, const http::Server& server, WorkerLink& link,
                     Log& log, Refusals& refusals) {
    http::asio::steady_timer timer(io);
    uint64_t full = 0;
    while (true) {
        timer.expires_after(kInterval);
        co_await timer.async_wait(http::asio::use_awaitable);
        refusals.ReportDue();
        const http::ServerStats& stats = server.stats();
        link.Send(protocol::FrameType::kCounters, CountersOf(stats));
        if (stats.times_full > full) {
            log.Line(Log::Kind::kConnections, true,
                     "all of pganalytics.max_connections are busy, new clients wait");
        }
        full = stats.times_full;
    }
}

}  // namespace pganalytics::gateway
