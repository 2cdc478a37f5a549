// Routes: what the collectors' port answers, all of it in one table.
#pragma once

#include <string>
#include <vector>

#include "gateway/collectors/enrollment.hpp"
#include "gateway/collectors/push.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// CollectorServices are what the routes call; they must outlive the table that is made with them.
struct CollectorServices {
    PushService* push = nullptr;
    EnrollmentService* enrollment = nullptr;
};

// CollectorRoutes gives the table. Without services it can be read and not called.
std::vector<http::Route> CollectorRoutes(const CollectorServices& services);

// ListRoutes writes the routes of all ports, a JSON object a line: {"port", "method", "path",
// "access"}, and for people's "parameters" and "body", arrays of {"name", "type", "required"} with
// "least" and "most" of a range, "choices", "unit" and "default" where there is one. Documents and
// tests are compared with it.
std::string ListRoutes();

}  // namespace pganalytics::gateway
