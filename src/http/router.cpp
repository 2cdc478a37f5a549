#include "http/router.hpp"

#include <string>

#include "http/problem.hpp"

namespace pganalytics::http {
namespace {

bool Matches(std::string_view pattern, std::string_view path) {
    if (!pattern.ends_with("/*")) return pattern == path;
    pattern.remove_suffix(1);
    return path.size() > pattern.size() && path.starts_with(pattern);
}

}  // namespace

Task<Response> Router::Handle(Exchange& exchange) const {
    const std::string_view path = exchange.request().path();
    const std::string_view asked = exchange.request().method();
    const std::string_view method = asked == "HEAD" ? "GET" : asked;
    std::string allowed;
    for (const Route& route : routes_) {
        if (!Matches(route.path, path)) continue;
        if (route.method == method) {
            if (route.access != Access::kAnyone && route.access != Access::kSecret) {
                std::optional<Response> refusal = co_await guard_(exchange, route.access);
                if (refusal) co_return std::move(*refusal);
            }
            co_return co_await route.handler(exchange);
        }
        if (!allowed.empty()) allowed += ", ";
        allowed += route.method;
        if (route.method == "GET") allowed += ", HEAD";
    }
    if (allowed.empty()) co_return Problem(404, "there is no such resource");
    Response response = Problem(405, "this resource does not know this method");
    response.headers.emplace_back("Allow", allowed);
    co_return response;
}

}  // namespace pganalytics::http
