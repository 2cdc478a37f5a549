// Gateway: the changes of a gateway's state, except its removal (supervisor.cpp).
#include "bgworker/process/gateway.hpp"

namespace pganalytics::bgworker {
namespace {

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

}  // namespace pganalytics::bgworker
