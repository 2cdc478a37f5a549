#include "gateway/people/api_routes.hpp"

#include "protocol/api_routes.hpp"

namespace pganalytics::gateway {
namespace {

using protocol::ApiAccess;

http::Access AccessOf(ApiAccess access) {
    switch (access) {
        case ApiAccess::kAnyone:
            return http::Access::kAnyone;
        case ApiAccess::kSecret:
            return http::Access::kSecret;
        case ApiAccess::kScraper:
            return http::Access::kScraper;
        case ApiAccess::kPerson:
        case ApiAccess::kViewer:
        case ApiAccess::kOperator:
        case ApiAccess::kAdmin:
            break;
    }
    return http::Access::kPerson;
}

using Method = http::Task<http::Response> (ApiService::*)(http::Exchange&);

Method AnswerTo(const protocol::ApiRoute& route) {
    // Health has a handler of its own, which also answers when the worker does not.
    if (route.id == protocol::ApiRouteId::kHealth) return &ApiService::Health;
    const bool for_anyone =
        route.access == ApiAccess::kAnyone || route.access == ApiAccess::kSecret;
    return for_anyone ? &ApiService::ForwardStranger : &ApiService::Forward;
}

}  // namespace

std::vector<http::Route> ApiRoutes(ApiService* service) {
    std::vector<http::Route> routes;
    for (const protocol::ApiRoute& route : protocol::kApiRoutes) {
        routes.push_back({route.method, route.path, AccessOf(route.access),
                          [service, answer = AnswerTo(route)](http::Exchange& exchange) {
                              return (service->*answer)(exchange);
                          }});
    }
    return routes;
}

}  // namespace pganalytics::gateway
