// Router: which handler answers which method and path.
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
enum class Access { kAnyone, kCollector };

struct Route {
    std::string_view method;
    std::string_view path;  // compared byte for byte
    Access access;
    Handler handler;
};

// Guard answers for a caller who may not, std::nullopt for one who may. Called before the body is
// read, for every route that is not for kAnyone.
using Guard = std::function<Task<std::optional<Response>>(Exchange&)>;

class Router {
  public:
    Router(std::vector<Route> routes, Guard guard)
        : routes_(std::move(routes)), guard_(std::move(guard)) {}

    // Handle answers 404 and 405 itself. HEAD is answered as GET; the caller leaves the body out.
    Task<Response> Handle(Exchange& exchange) const;

  private:
    std::vector<Route> routes_;
    Guard guard_;
};

}  // namespace pganalytics::http
