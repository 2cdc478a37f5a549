#include "gateway/routes.hpp"

#include <cjson/cJSON.h>

#include <memory>
#include <new>

#include "gateway/people/api_routes.hpp"
#include "protocol/api_routes.hpp"

namespace pganalytics::gateway {
namespace {

using http::Access;
using http::Exchange;
using http::Response;
using http::Task;
using JsonPtr = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

// Alive shows that TLS and HTTP work. It does not report the version, because anyone may ask.
Task<Response> Alive(Exchange&) { co_return http::JsonResponse(200, R"({"status":"ok"})"); }

// NoConfiguration answers v3 collectors with an empty document, which they read as "no update":
// their configuration is a local file. It ignores the id in the path, because v3 collectors send an
// id of their own and not the registered one.
Task<Response> NoConfiguration(Exchange&) { co_return Response{200, "text/plain", "", {}}; }

void AddText(cJSON* object, const char* name, std::string_view text) {
    cJSON_AddStringToObject(object, name, std::string(text).c_str());
}

JsonPtr LineOf(const char* port, std::string_view method, std::string_view path,
               std::string_view access) {
    JsonPtr line(cJSON_CreateObject(), &cJSON_Delete);
    AddText(line.get(), "port", port);
    AddText(line.get(), "method", method);
    AddText(line.get(), "path", path);
    AddText(line.get(), "access", access);
    return line;
}

void AddInputs(cJSON* line, const char* name, std::span<const protocol::ApiInput> inputs) {
    cJSON* const array = cJSON_AddArrayToObject(line, name);
    for (const protocol::ApiInput& input : inputs) {
        cJSON* const one = cJSON_CreateObject();
        cJSON_AddItemToArray(array, one);
        AddText(one, "name", input.name);
        AddText(one, "type", protocol::NameOf(input.type));
        cJSON_AddBoolToObject(one, "required", input.required);
        if (input.most != 0) {
            // Write the numbers as text, because a double cannot hold all digits of the largest id.
            cJSON_AddRawToObject(one, "least", std::to_string(input.least).c_str());
            cJSON_AddRawToObject(one, "most", std::to_string(input.most).c_str());
        }
        if (input.choices != nullptr) AddText(one, "choices", input.choices);
        if (input.unit != nullptr) AddText(one, "unit", input.unit);
        if (input.otherwise != nullptr) AddText(one, "default", input.otherwise);
    }
}

void Write(const JsonPtr& line, std::string* out) {
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(line.get()),
                                                            &cJSON_free);
    if (text == nullptr) throw std::bad_alloc();
    *out += text.get();
    *out += '\n';
}

// Calling makes a handler that calls a member function of a service.
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
    for (const http::Route& route : CollectorRoutes({})) {
        Write(LineOf("collectors", route.method, route.path, http::AccessName(route.access)),
              &list);
    }
    for (const protocol::ApiRoute& route : protocol::kApiRoutes) {
        const JsonPtr line =
            LineOf("api", route.method, route.path, protocol::NameOf(route.access));
        AddInputs(line.get(), "parameters", route.parameters);
        AddInputs(line.get(), "body", route.body);
        Write(line, &list);
    }
    return list;
}

}  // namespace pganalytics::gateway
