#include "gateway/routes.hpp"

namespace pganalytics::gateway {
namespace {

using http::Access;
using http::Exchange;
using http::Response;
using http::Task;

// Alive says that TLS and HTTP work. It has no version in it: strangers may ask.
Task<Response> Alive(Exchange&) { co_return http::JsonResponse(200, R"({"status":"ok"})"); }

// NoConfiguration is what v3 collectors read as "no update": their configuration is a file of their
// own. Whatever id they ask for, it is not the registered one.
Task<Response> NoConfiguration(Exchange&) { co_return Response{200, "text/plain", "", {}}; }

}  // namespace

std::vector<http::Route> CollectorRoutes(PushService& push) {
    return {
        {"GET", "/api/v1/health", Access::kAnyone, &Alive},
        {"POST", "/api/v1/metrics/push", Access::kCollector,
         [&push](Exchange& exchange) { return push.Push(exchange); }},
        {"GET", "/api/v1/metrics/health", Access::kCollector,
         [&push](Exchange& exchange) { return push.Health(exchange); }},
        {"POST", "/api/v1/collectors/refresh-token", Access::kCollectorNow,
         [&push](Exchange& exchange) { return push.RefreshToken(exchange); }},
        {"GET", "/api/v1/config/*", Access::kCollectorNow, &NoConfiguration},
    };
}

}  // namespace pganalytics::gateway
