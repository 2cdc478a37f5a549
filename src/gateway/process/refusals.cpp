#include "gateway/process/refusals.hpp"

#include <chrono>

namespace pganalytics::gateway {
namespace {

using protocol::Refusal;

int64_t NowMs() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

std::string RouteName(const http::Route& route) {
    return std::string(route.method) + ' ' + std::string(route.path);
}

void Refusals::Add(protocol::RefusalKind kind, const core::Address& address,
                   const core::Uuid& collector, std::string_view route) {
    Refusal refusal = {};
    refusal.kind = kind;
    refusal.address = address;
    refusal.collector = collector;
    protocol::SetText(refusal.route, route);
    core::Counted<Refusal> due;
    if (tally_.Add(refusal, 1, NowMs(), &due)) {
        Send(due);
    } else if (finishing_) {
        Finish();
    }
}

void Refusals::ReportDue() {
    core::Counted<Refusal> due;
    while (tally_.Next(NowMs(), &due)) Send(due);
}

void Refusals::Finish() {
    finishing_ = true;
    core::Counted<Refusal> due;
    while (tally_.Last(NowMs(), &due)) Send(due);
}

void Refusals::Send(const core::Counted<Refusal>& due) {
    link_.Send(protocol::FrameType::kRefused,
               protocol::Refused{due.key.kind, due.key.of_many ? 1U : 0U, due.count,
                                 due.key.address, due.key.collector, due.key.route});
}

}  // namespace pganalytics::gateway
