// API routes: the routes of the port for people, in the router's form.
#pragma once

#include <vector>

#include "gateway/people/api_service.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// ApiRoutes returns the routes of protocol::kApiRoutes. `service` must outlive them.
std::vector<http::Route> ApiRoutes(ApiService* service);

}  // namespace pganalytics::gateway
