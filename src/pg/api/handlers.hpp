// API handlers: one function for each route of protocol/api_routes.hpp.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// NAME(ApiCall*) answers the route that names it, in the transaction that admitted the request,
// after the inputs were read. An ERROR becomes an answer too. Visibility is hidden, so that a route
// without a function fails to link.
#define PGANALYTICS_DECLARE_HANDLER(handler, ...) \
    [[gnu::visibility("hidden")]] void handler(ApiCall* call);
PGANALYTICS_API_ROUTES(PGANALYTICS_DECLARE_HANDLER)
#undef PGANALYTICS_DECLARE_HANDLER

}  // namespace pganalytics::pg
