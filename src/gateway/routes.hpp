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

// ListRoutes returns the routes of all ports, one JSON object per line: {"port", "method", "path",
// "access"}. Routes for people also have "parameters" and "body", arrays of {"name", "type",
// "required"}. An element also has "least" and "most" if its range is limited, and "choices",
// "unit" and "default" if these are set. Checks compare the documentation and the tests with this
// list.
std::string ListRoutes();

}  // namespace pganalytics::gateway
