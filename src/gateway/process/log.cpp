#include "gateway/process/log.hpp"

#include <algorithm>

#include "core/utf8.hpp"

namespace pganalytics::gateway {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kInterval{1};
constexpr std::chrono::seconds kFirstWait{10};
constexpr std::chrono::seconds kLongestWait{600};

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
    const auto now = Clock::now();
    const bool anew = state.wait.count() == 0 || now - state.wanted >= kLongestWait;
    state.wanted = now;
    if (now < state.next) {
        ++state.suppressed;
        return;
    }
    if (state.suppressed > 0) {
        message += " (" + std::to_string(state.suppressed) + " such messages not shown)";
    }
    state.wait = anew ? kFirstWait : std::min(2 * state.wait, kLongestWait);
    state.next = now + state.wait;
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
