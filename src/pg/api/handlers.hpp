// API handlers: what answers each route of protocol/api_routes.hpp, a function for each.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// NAME(ApiCall*) answers the route that names it, in the transaction that has let the request in;
// the inputs of the call have been read. ERRORs become answers, too. Hidden, so that a route
// without a function does not link.
#define PGANALYTICS_DECLARE_HANDLER(handler, ...) \
    [[gnu::visibility("hidden")]] void handler(ApiCall* call);
PGANALYTICS_API_ROUTES(PGANALYTICS_DECLARE_HANDLER)
#undef PGANALYTICS_DECLARE_HANDLER

}  // namespace pganalytics::pg
