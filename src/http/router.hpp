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
// kSecret: a caller with a secret that the handler checks (a one-time token, a registration secret,
// a password).
// kCollector: a collector; its handler checks again whether the collector has lost its access.
// kCollectorNow: a collector that has access at the time of this request.
// kCollectorGrace: as kCollectorNow, or a collector whose signed token expired recently, as the
// handler checks.
// kScraper: a program that reads metrics, by a token or a certificate, or a viewer.
// kPerson: a role that has logged in. kViewer, kOperator, kAdmin: one that also has that role of
// pganalytics or a higher one.
enum class Access {
    kAnyone,
    kSecret,
    kCollector,
    kCollectorNow,
    kCollectorGrace,
    kScraper,
    kPerson,
    kViewer,
    kOperator,
    kAdmin
};

// AccessName gives the name in lower case: "anyone", "secret", "collector", "collector_now", ...
std::string_view AccessName(Access access);

struct Route {
    std::string_view method;
    std::string_view path;  // a pattern of core::MatchesPattern
    Access access;
    Handler handler;
};

// Guard gives the refusal for a caller who may not use the route, std::nullopt for one who may. It
// is called before the body is read, for every route except those of kAnyone and kSecret.
using Guard = std::function<Task<std::optional<Response>>(Exchange&, const Route&)>;

class Router {
  public:
    Router(std::vector<Route> routes, Guard guard)
        : routes_(std::move(routes)), guard_(std::move(guard)) {}

    // Handle itself answers 404 and 405. It handles HEAD as GET; the caller leaves out the body.
    Task<Response> Handle(Exchange& exchange) const;

  private:
    std::vector<Route> routes_;
    Guard guard_;
};

}  // namespace pganalytics::http
