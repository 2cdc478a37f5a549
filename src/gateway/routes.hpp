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

// ListRoutes returns the routes of all ports, one JSON object per line. Checks compare the
// documentation and the tests with this list. An object has "port", "method", "path" and "access".
// A route for people also has "parameters" and "body", which are arrays. Their elements have:
//   * "name", "type" and "required";
//   * "least" and "most", if the range is limited;
//   * "choices", "unit" and "default", each only if it is set.
std::string ListRoutes();

}  // namespace pganalytics::gateway
