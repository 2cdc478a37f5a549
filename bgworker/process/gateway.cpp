// Gateway: the changes of a gateway's state, except its removal (supervisor.cpp).
#include "bgworker/process/gateway.hpp"

namespace pganalytics::bgworker {
namespace {

// A worker that has work or none looks at its gateways at least once a second. If it did not look
// for so long, it was stopped itself, perhaps together with its gateways: they get their time anew.
constexpr int64 kUnwatchedMs = 2500;

const char* NameOf(GatewayState state) {
    constexpr const char* kNames[] = {"none", "starting", "serving", "draining", "closed"};
    return kNames[static_cast<int>(state)];
}

}  // namespace

bool Move(Gateway* gateway, GatewayState from, GatewayState to) {
    Assert(gateway->state == from);
    if (gateway->state != from) {
        ereport(LOG, errcode(ERRCODE_INTERNAL_ERROR),
                errmsg("pganalytics gateway %d is %s and cannot go from %s to %s", gateway->pid,
                       NameOf(gateway->state), NameOf(from), NameOf(to)));
        if (gateway->state != GatewayState::kNone) MarkFailed(gateway, "was in a wrong state");
        return false;
    }
    gateway->state = to;
    return true;
}

void Hear(Gateway* gateway, core::Instant now) { gateway->heard_at = gateway->looked_at = now; }

bool IsSilent(Gateway* gateway, core::Instant now) {
    const bool watched = now.MsSince(gateway->looked_at) < kUnwatchedMs;
    gateway->looked_at = now;
    if (!watched || !TakesWork(*gateway)) gateway->heard_at = now;
    return now.MsSince(gateway->heard_at) >= kSilentMs;
}

void CountConnections(pg::WorkerStatus* status, Gateway* gateway, const protocol::Counters& now) {
    const protocol::Counters before = gateway->counters;
    gateway->counters = now;
    const bool serves = gateway->state == GatewayState::kServing;
    pg::UpdateStatus(status, [&](pg::WorkerStatus* s) {
        if (serves) s->connections = static_cast<int64>(now.connections_open);
        for (size_t i = 0; i < protocol::kGatewayCounters; ++i) {
            if (now.totals[i] <= before.totals[i]) continue;
            s->counters[protocol::kFirstGatewayCounter + i] +=
                static_cast<int64>(now.totals[i] - before.totals[i]);
        }
    });
}

}  // namespace pganalytics::bgworker
