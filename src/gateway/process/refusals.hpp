// Refusals: what this gateway has refused by itself, counted and told to the worker, for the audit
// log. The worker never sees such requests.
#pragma once

#include <string_view>

#include "core/tally.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"
#include "protocol/refusals.hpp"

namespace pganalytics::gateway {

// The route's method and path in one, as the audit log names it.
std::string RouteName(const http::Route& route);

class Refusals {
  public:
    // The link must outlive it.
    explicit Refusals(WorkerLink& link) : link_(link) {}

    // Add counts one. The first of its kind, address, collector and route is told at once.
    void Add(protocol::RefusalKind kind, const core::Address& address,
             const core::Uuid& collector = {}, std::string_view route = {});

    // Tell tells of those whose time has come; called once a second.
    void Tell();

    // Finish tells of all, and from now on of each at once: this gateway leaves.
    void Finish();

  private:
    void Send(const core::Counted<protocol::Refusal>& due);

    WorkerLink& link_;
    core::Tally<protocol::Refusal, 32, protocol::kRefusalKinds> tally_;
    bool finishing_ = false;
};

}  // namespace pganalytics::gateway
