#include "gateway/routes.hpp"

namespace pganalytics::gateway {
namespace {

using http::Access;
using http::Exchange;
using http::Response;
using http::Task;

// Health says that TLS and HTTP work. It has no version in it: strangers may ask.
Task<Response> Health(Exchange&) { co_return http::JsonResponse(200, R"({"status":"ok"})"); }

}  // namespace

std::vector<http::Route> CollectorRoutes(PushService& push) {
    return {
        {"GET", "/api/v1/health", Access::kAnyone, &Health},
        {"POST", "/api/v1/metrics/push", Access::kCollector,
         [&push](Exchange& exchange) { return push.Push(exchange); }},
    };
}

}  // namespace pganalytics::gateway
