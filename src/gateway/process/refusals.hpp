// Refusals: counts the requests that this gateway refuses by itself and sends the counts to the
// worker, which records them in the audit log. The worker never sees such requests.
#pragma once

#include <string_view>

#include "core/tally.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::gateway {

// RouteName returns the name of a route in the audit log: its method, a space and its path.
std::string RouteName(const http::Route& route);

class Refusals {
  public:
    // `link` must outlive this object.
    explicit Refusals(WorkerLink& link) : link_(link) {}

    // Add counts one refusal. The first refusal with this kind, address, collector and route is
    // sent at once.
    void Add(protocol::RefusalKind kind, const core::Address& address,
             const core::Uuid& collector = {}, std::string_view route = {});

    // ReportDue sends the counts that are due. The gateway calls it once a second.
    void ReportDue();

    // Finish sends all counts, and makes Add send each later refusal at once, because this gateway
    // is about to exit.
    void Finish();

  private:
    void Send(const core::Counted<protocol::Refusal>& due);

    WorkerLink& link_;
    core::Tally<protocol::Refusal, 80, protocol::kRefusalKinds> tally_;
    bool finishing_ = false;
};

}  // namespace pganalytics::gateway
