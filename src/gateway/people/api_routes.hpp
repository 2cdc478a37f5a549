// API routes: what the port for people answers, as the router wants it.
#pragma once

#include <vector>

#include "gateway/people/api_service.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// ApiRoutes gives the routes of protocol::kApiRoutes; `service` must outlive them.
std::vector<http::Route> ApiRoutes(ApiService* service);

}  // namespace pganalytics::gateway
