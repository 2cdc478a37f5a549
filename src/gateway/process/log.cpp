#include "gateway/process/log.hpp"

#include "core/utf8.hpp"

namespace pganalytics::gateway {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kInterval{1};

std::chrono::seconds IntervalOf(Log::Kind kind) {
    return kind == Log::Kind::kCertificates ? std::chrono::minutes(1) : kInterval;
}

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
    Last& last = last_[static_cast<size_t>(kind)];
    const auto now = Clock::now();
    if (last.sent != Clock::time_point{} && now - last.sent < IntervalOf(kind)) {
        ++last.suppressed;
        return;
    }
    if (last.suppressed > 0) {
        message += " (" + std::to_string(last.suppressed) + " such messages not shown)";
    }
    last = {now, 0};
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
