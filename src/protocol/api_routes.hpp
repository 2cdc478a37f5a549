// API routes: all routes of the port for people, in one table. The gateway accepts only requests
// that are in this table. The table tells the worker who may ask, how to read parameters and
// bodies, and which handler to call. A new route needs a line here and a function in src/pg/api.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/path_pattern.hpp"
#include "protocol/api_inputs.hpp"

namespace pganalytics::protocol {

// ApiAccess says who may use a route.
// kSecret: a sender with a password or a refresh token in the body.
// kScraper: a viewer, or a program with a scrape token or a client certificate. Anybody, if
// pganalytics.metrics_access = anyone.
// kPerson: any role that has logged in.
// kViewer, kOperator, kAdmin: a role that has logged in and is a member of pganalytics_viewer,
// pganalytics_operator or pganalytics_admin. Members of a higher one are admitted too.
enum class ApiAccess : uint32_t { kAnyone, kSecret, kScraper, kPerson, kViewer, kOperator, kAdmin };

constexpr std::string_view NameOf(ApiAccess access) {
    constexpr std::string_view kNames[] = {"anyone", "secret",   "scraper", "person",
                                           "viewer", "operator", "admin"};
    return kNames[static_cast<size_t>(access)];
}

// RunsAs says with whose privileges a route runs.
// kPerson, for most routes: the role that has logged in, with its GRANTs and row security. A GET
// runs in a read-only transaction.
// kWorker, for health and for routes that handle sessions: the worker.
// kAsker: as kPerson if a person asks. If a program asks, as kWorker, because a program has no
// role.
enum class RunsAs : uint8_t { kPerson, kWorker, kAsker };

// Each line has: handler, method, path (a pattern of core::MatchesPattern), who may ask, whose
// privileges apply, parameters of the query, fields of the body. The handler is pg::NAME(ApiCall*).
#define PGANALYTICS_API_ROUTES(ROUTE)                                                              \
    ROUTE(Health, "GET", "/api/v1/health", kAnyone, kWorker, kNoInputs, kNoInputs)                 \
    ROUTE(Login, "POST", "/api/v1/auth/login", kSecret, kWorker, kNoInputs, kLoginBody)            \
    ROUTE(Refresh, "POST", "/api/v1/auth/refresh", kSecret, kWorker, kNoInputs, kRefreshBody)      \
    ROUTE(Logout, "POST", "/api/v1/auth/logout", kPerson, kWorker, kNoInputs, kNoInputs)           \
    ROUTE(Me, "GET", "/api/v1/auth/me", kViewer, kPerson, kNoInputs, kNoInputs)                    \
    ROUTE(ChangeOwnPassword, "POST", "/api/v1/auth/change-password", kPerson, kWorker, kNoInputs,  \
          kPasswordBody)                                                                           \
    ROUTE(Sessions, "GET", "/api/v1/auth/sessions", kViewer, kPerson, kNoInputs, kNoInputs)        \
    ROUTE(EndSessionsOfRole, "POST", "/api/v1/auth/end-sessions", kAdmin, kPerson, kNoInputs,      \
          kEndSessionsBody)                                                                        \
    ROUTE(AuditLogs, "GET", "/api/v1/audit-logs", kAdmin, kPerson, kAuditLogParameters, kNoInputs) \
    ROUTE(Metrics, "GET", "/metrics", kScraper, kAsker, kNoInputs, kNoInputs)                      \
    ROUTE(Alerts, "GET", "/api/v1/alerts", kViewer, kPerson, kAlertParameters, kNoInputs)          \
    ROUTE(Alert, "GET", "/api/v1/alerts/*", kViewer, kPerson, kNoInputs, kNoInputs)                \
    ROUTE(AcknowledgeAlert, "POST", "/api/v1/alerts/*/acknowledge", kOperator, kPerson, kNoInputs, \
          kAcknowledgeBody)                                                                        \
    ROUTE(UnacknowledgeAlert, "DELETE", "/api/v1/alerts/*/acknowledge", kOperator, kPerson,        \
          kNoInputs, kNoInputs)                                                                    \
    ROUTE(SilenceAlert, "POST", "/api/v1/alerts/*/silence", kOperator, kPerson, kNoInputs,         \
          kSilenceAlertBody)                                                                       \
    ROUTE(Silences, "GET", "/api/v1/silences", kViewer, kPerson, kSilenceParameters, kNoInputs)    \
    ROUTE(CreateSilence, "POST", "/api/v1/silences", kOperator, kPerson, kNoInputs, kSilenceBody)  \
    ROUTE(EndSilence, "DELETE", "/api/v1/silences/*", kOperator, kPerson, kNoInputs, kNoInputs)    \
    ROUTE(AlertRules, "GET", "/api/v1/alert-rules", kViewer, kPerson, kPageParameters, kNoInputs)  \
    ROUTE(AlertRule, "GET", "/api/v1/alert-rules/*", kViewer, kPerson, kNoInputs, kNoInputs)       \
    ROUTE(ChangeAlertRule, "PUT", "/api/v1/alert-rules/*", kAdmin, kPerson, kNoInputs, kRuleBody)

enum class ApiRouteId : uint32_t {
#define PGANALYTICS_ROUTE_ID(handler, ...) k##handler,
    PGANALYTICS_API_ROUTES(PGANALYTICS_ROUTE_ID)
#undef PGANALYTICS_ROUTE_ID
};

struct ApiRoute {
    ApiRouteId id;
    std::string_view method;
    std::string_view path;
    ApiAccess access;
    RunsAs runs_as;
    std::span<const ApiInput> parameters;
    std::span<const ApiInput> body;
};

inline constexpr ApiRoute kApiRoutes[] = {
#define PGANALYTICS_ROUTE(handler, method, path, access, runs_as, parameters, body) \
    {ApiRouteId::k##handler, method, path, ApiAccess::access, RunsAs::runs_as, parameters, body},
    PGANALYTICS_API_ROUTES(PGANALYTICS_ROUTE)
#undef PGANALYTICS_ROUTE
};

// FindApiRoute returns the route of a request; nullptr if there is none.
constexpr const ApiRoute* FindApiRoute(std::string_view method, std::string_view path) {
    for (const ApiRoute& route : kApiRoutes) {
        if (route.method == method && core::MatchesPattern(route.path, path)) return &route;
    }
    return nullptr;
}

constexpr bool ApiInputsAreSound() {
    for (const ApiRoute& route : kApiRoutes) {
        if (!HaveSoundNames(route.parameters, route.body)) return false;
    }
    return true;
}
static_assert(ApiInputsAreSound(), "a route has too many inputs, or two of one name");

}  // namespace pganalytics::protocol
