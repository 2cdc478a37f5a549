#include "gateway/routes.hpp"

#include <cjson/cJSON.h>

#include <memory>
#include <new>

#include "gateway/people/api_routes.hpp"

namespace pganalytics::gateway {
namespace {

using http::Access;
using http::Exchange;
using http::Response;
using http::Task;
using JsonPtr = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

// Alive says that TLS and HTTP work. It has no version in it: strangers may ask.
Task<Response> Alive(Exchange&) { co_return http::JsonResponse(200, R"({"status":"ok"})"); }

// NoConfiguration is what v3 collectors read as "no update": their configuration is a file of their
// own. Whatever id they ask for, it is not the registered one.
Task<Response> NoConfiguration(Exchange&) { co_return Response{200, "text/plain", "", {}}; }

void List(const char* port, const std::vector<http::Route>& routes, std::string* out) {
    for (const http::Route& route : routes) {
        const JsonPtr line(cJSON_CreateObject(), &cJSON_Delete);
        cJSON_AddStringToObject(line.get(), "port", port);
        cJSON_AddStringToObject(line.get(), "method", std::string(route.method).c_str());
        cJSON_AddStringToObject(line.get(), "path", std::string(route.path).c_str());
        cJSON_AddStringToObject(line.get(), "access",
                                std::string(http::AccessName(route.access)).c_str());
        const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(line.get()),
                                                                &cJSON_free);
        if (text == nullptr) throw std::bad_alloc();
        *out += text.get();
        *out += '\n';
    }
}

// Calling makes the handler that calls a member of a service.
template <typename Service>
http::Handler Calling(Service* service, Task<Response> (Service::*method)(Exchange&)) {
    return [service, method](Exchange& exchange) { return (service->*method)(exchange); };
}

}  // namespace

std::vector<http::Route> CollectorRoutes(const CollectorServices& services) {
    PushService* const push = services.push;
    EnrollmentService* const enrollment = services.enrollment;
    return {
        {"GET", "/api/v1/health", Access::kAnyone, &Alive},
        {"POST", "/api/v1/metrics/push", Access::kCollector, Calling(push, &PushService::Push)},
        {"GET", "/api/v1/metrics/health", Access::kCollector, Calling(push, &PushService::Health)},
        {"POST", "/api/v1/collectors/refresh-token", Access::kCollectorGrace,
         Calling(enrollment, &EnrollmentService::RefreshToken)},
        {"GET", "/api/v1/config/*", Access::kCollectorNow, &NoConfiguration},
        {"POST", "/api/v1/collectors/enroll", Access::kSecret,
         Calling(enrollment, &EnrollmentService::Enroll)},
        {"POST", "/api/v1/collectors/renew", Access::kCollectorNow,
         Calling(enrollment, &EnrollmentService::Renew)},
        {"POST", "/api/v1/collectors/register", Access::kSecret,
         Calling(enrollment, &EnrollmentService::Register)},
        {"GET", "/api/v1/pki/crl", Access::kAnyone, Calling(enrollment, &EnrollmentService::Crl)},
        {"GET", "/api/v1/pki/trust", Access::kAnyone,
         Calling(enrollment, &EnrollmentService::Trust)},
    };
}

std::string ListRoutes() {
    std::string list;
    List("collectors", CollectorRoutes({}), &list);
    List("api", ApiRoutes(nullptr), &list);
    return list;
}

}  // namespace pganalytics::gateway
