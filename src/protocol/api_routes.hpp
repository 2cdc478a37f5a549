// API routes: what the people's port answers, all of it in one table: the gateway lets requests in
// by it, and the worker looks up by it who may ask. A new route is a line here and a handler in the
// worker (src/pg/api_handlers.cpp); the build fails while one of the two is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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
};

struct ApiRoute {
    std::string_view method;
    std::string_view path;  // "/*" at its end is one or more bytes
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
};
inline constexpr size_t kApiRouteCount = sizeof(kApiRoutes) / sizeof(kApiRoutes[0]);

// FindApiRoute gives the route of a request, nullptr if there is none.
constexpr const ApiRoute* FindApiRoute(std::string_view method, std::string_view path) {
    for (const ApiRoute& route : kApiRoutes) {
        if (route.method != method) continue;
        if (!route.path.ends_with("/*")) {
            if (route.path == path) return &route;
            continue;
        }
        const std::string_view begin = route.path.substr(0, route.path.size() - 1);
        if (path.size() > begin.size() && path.starts_with(begin)) return &route;
    }
    return nullptr;
}

}  // namespace pganalytics::protocol
