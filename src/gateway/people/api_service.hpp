// API service: checks the token of a person's request, passes the request to the worker, and
// returns the answer.
#pragma once

#include <chrono>
#include <optional>

#include "gateway/identity/identity_state.hpp"
#include "gateway/process/log.hpp"
#include "gateway/process/refusals.hpp"
#include "gateway/process/worker_link.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

class ApiService {
  public:
    // All arguments must outlive the service.
    ApiService(WorkerLink& link, Log& log, const IdentityState& identity, Refusals& refusals,
               protocol::MetricsAccess metrics_access)
        : link_(link),
          log_(log),
          identity_(identity),
          refusals_(refusals),
          metrics_access_(metrics_access) {}

    // Authorize is the guard of the people's routes. It admits:
    //   * a person with a valid token. The worker decides whether the session is still open and
    //     what the role may do.
    //   * on kScraper routes, a program with an opaque token. Only the worker can check that token.
    //   * on kScraper routes, a program with a client certificate and no token.
    //   * on kScraper routes, anybody if pganalytics.metrics_access = anyone.
    // Otherwise it returns 401 with WWW-Authenticate (RFC 6750 section 3).
    http::Task<std::optional<http::Response>> Authorize(http::Exchange& exchange,
                                                        const http::Route& route);

    // Forward passes a request to the worker and returns the worker's answer.
    http::Task<http::Response> Forward(http::Exchange& exchange);
    // ForwardStranger does the same for a route that is open to anyone.
    http::Task<http::Response> ForwardStranger(http::Exchange& exchange);
    // Health answers GET /api/v1/health. It passes on the worker's 200, or its 400 (unknown
    // parameter). For any other answer, or none within kHealthTimeout, it returns 503.
    http::Task<http::Response> Health(http::Exchange& exchange);

  private:
    std::optional<http::Response> ReadAsker(http::Exchange& exchange, const http::Route& route);
    std::optional<http::Response> ReadPerson(http::Exchange& exchange, const http::Route& route,
                                             std::string_view token);
    std::optional<http::Response> ReadCertificate(http::Exchange& exchange,
                                                  const http::Route& route);
    http::Task<http::Response> AskWorker(const protocol::ApiRequest& request,
                                         std::chrono::seconds timeout);

    WorkerLink& link_;
    Log& log_;
    const IdentityState& identity_;
    Refusals& refusals_;
    protocol::MetricsAccess metrics_access_;
};

}  // namespace pganalytics::gateway
