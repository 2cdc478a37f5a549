// Routes: the table of all routes of the collectors' port.
#pragma once

#include <string>
#include <vector>

#include "gateway/collectors/enrollment.hpp"
#include "gateway/collectors/push.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// CollectorServices are the services that the routes call. They must outlive the table.
struct CollectorServices {
    PushService* push = nullptr;
    EnrollmentService* enrollment = nullptr;
};

// CollectorRoutes returns the table. A table made without services can be listed, but its handlers
// must not be called.
std::vector<http::Route> CollectorRoutes(const CollectorServices& services);

// ListRoutes writes the routes of all ports, one JSON object a line: {"port", "method", "path",
// "access"}. Routes for people also have "parameters" and "body": arrays of {"name", "type",
// "required"}, with "least" and "most" for a range, and "choices", "unit" and "default" where there
// is one. Checks compare the documentation and the tests with this list.
std::string ListRoutes();

}  // namespace pganalytics::gateway
