// Router: chooses the handler for a method and a path.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "http/exchange.hpp"
#include "http/response.hpp"

namespace pganalytics::http {

using Handler = std::function<Task<Response>(Exchange&)>;

// Access says who may call a route.
// kSecret: a caller with a secret (a one-time token, a registration secret, a password). The
// handler checks the secret.
// kCollector: a collector that was admitted at this or an earlier request of the connection. The
// handler checks again whether it still has access.
// kCollectorNow: a collector that has access at the time of this request.
// kCollectorGrace: as kCollectorNow, and also a collector whose signed token has expired. The
// handler decides whether the token expired recently enough.
// kScraper: a person with the role of a viewer, or a program that reads metrics and has a token or
// a certificate.
// kPerson: a role that has logged in. The worker checks whether this role may call the route.
enum class Access {
    kAnyone,
    kSecret,
    kCollector,
    kCollectorNow,
    kCollectorGrace,
    kScraper,
    kPerson
};

// AccessName returns the name in lower case: "anyone", "secret", "collector", "collector_now", ...
std::string_view AccessName(Access access);

struct Route {
    std::string_view method;
    std::string_view path;  // a pattern of core::MatchesPattern
    Access access;
    Handler handler;
};

// Guard returns std::nullopt if the caller may use the route, else the refusal to send. The router
// calls it before the body is read, for every route except those of kAnyone and kSecret.
using Guard = std::function<Task<std::optional<Response>>(Exchange&, const Route&)>;

class Router {
  public:
    Router(std::vector<Route> routes, Guard guard)
        : routes_(std::move(routes)), guard_(std::move(guard)) {}

    // Handle asks the guard and then calls the handler of the route. It answers 404 for an unknown
    // path and 405 for an unknown method itself. It handles HEAD as GET; the caller must not send
    // the body of that response.
    Task<Response> Handle(Exchange& exchange) const;

  private:
    std::vector<Route> routes_;
    Guard guard_;
};

}  // namespace pganalytics::http
