// API routes: what the people's port answers, all of it in one table: the gateway lets requests in
// by it, and the worker looks up by it who may ask. A new route is a line here and a handler in the
// worker (src/pg/api/handlers.cpp); the build fails while one of the two is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/path_pattern.hpp"

namespace pganalytics::protocol {

// ApiAccess says who may ask. kSecret: who brings a password or a refresh token in the body.
// kScraper: a program with a scrape token or a client certificate, or a viewer; with
// pganalytics.metrics_access = anyone whoever comes. kPerson: a role that has logged in; the others
// one that has that role of ours or a higher one.
enum class ApiAccess : uint32_t { kAnyone, kSecret, kScraper, kPerson, kViewer, kOperator, kAdmin };

constexpr std::string_view NameOf(ApiAccess access) {
    constexpr std::string_view kNames[] = {"anyone", "secret",   "scraper", "person",
                                           "viewer", "operator", "admin"};
    return kNames[static_cast<size_t>(access)];
}

enum class ApiRouteId : uint32_t {
    kHealth,
    kLogin,
    kRefresh,
    kLogout,
    kMe,
    kChangePassword,
    kSessions,
    kEndSessions,
    kAuditLogs,
    kMetrics,
    kAlerts,
    kAlert,
    kAcknowledge,
    kUnacknowledge,
    kSilenceAlert,
    kSilences,
    kCreateSilence,
    kEndSilence,
    kAlertRules,
    kAlertRule,
    kChangeAlertRule,
};

struct ApiRoute {
    std::string_view method;
    std::string_view path;  // a pattern of core::MatchesPattern
    ApiAccess access;
    ApiRouteId id;
};

inline constexpr ApiRoute kApiRoutes[] = {
    {"GET", "/api/v1/health", ApiAccess::kAnyone, ApiRouteId::kHealth},
    {"POST", "/api/v1/auth/login", ApiAccess::kSecret, ApiRouteId::kLogin},
    {"POST", "/api/v1/auth/refresh", ApiAccess::kSecret, ApiRouteId::kRefresh},
    {"POST", "/api/v1/auth/logout", ApiAccess::kPerson, ApiRouteId::kLogout},
    {"GET", "/api/v1/auth/me", ApiAccess::kViewer, ApiRouteId::kMe},
    {"POST", "/api/v1/auth/change-password", ApiAccess::kPerson, ApiRouteId::kChangePassword},
    {"GET", "/api/v1/auth/sessions", ApiAccess::kViewer, ApiRouteId::kSessions},
    {"POST", "/api/v1/auth/end-sessions", ApiAccess::kAdmin, ApiRouteId::kEndSessions},
    {"GET", "/api/v1/audit-logs", ApiAccess::kAdmin, ApiRouteId::kAuditLogs},
    {"GET", "/metrics", ApiAccess::kScraper, ApiRouteId::kMetrics},
    {"GET", "/api/v1/alerts", ApiAccess::kViewer, ApiRouteId::kAlerts},
    {"GET", "/api/v1/alerts/*", ApiAccess::kViewer, ApiRouteId::kAlert},
    {"POST", "/api/v1/alerts/*/acknowledge", ApiAccess::kOperator, ApiRouteId::kAcknowledge},
    {"DELETE", "/api/v1/alerts/*/acknowledge", ApiAccess::kOperator, ApiRouteId::kUnacknowledge},
    {"POST", "/api/v1/alerts/*/silence", ApiAccess::kOperator, ApiRouteId::kSilenceAlert},
    {"GET", "/api/v1/silences", ApiAccess::kViewer, ApiRouteId::kSilences},
    {"POST", "/api/v1/silences", ApiAccess::kOperator, ApiRouteId::kCreateSilence},
    {"DELETE", "/api/v1/silences/*", ApiAccess::kOperator, ApiRouteId::kEndSilence},
    {"GET", "/api/v1/alert-rules", ApiAccess::kViewer, ApiRouteId::kAlertRules},
    {"GET", "/api/v1/alert-rules/*", ApiAccess::kViewer, ApiRouteId::kAlertRule},
    {"PUT", "/api/v1/alert-rules/*", ApiAccess::kAdmin, ApiRouteId::kChangeAlertRule},
};
inline constexpr size_t kApiRouteCount = sizeof(kApiRoutes) / sizeof(kApiRoutes[0]);

// FindApiRoute gives the route of a request, nullptr if there is none.
constexpr const ApiRoute* FindApiRoute(std::string_view method, std::string_view path) {
    for (const ApiRoute& route : kApiRoutes) {
        if (route.method == method && core::MatchesPattern(route.path, path)) return &route;
    }
    return nullptr;
}

}  // namespace pganalytics::protocol
