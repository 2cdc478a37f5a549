// API handlers: one function for each route of protocol/api_routes.hpp.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// Each handler answers the route that names it, in the transaction that admitted the request, after
// the inputs were read. If it raises an ERROR, answer.cpp answers instead. Handlers have hidden
// visibility, so that the library does not link if a route has no handler.
#define PGANALYTICS_DECLARE_HANDLER(handler, ...) \
    [[gnu::visibility("hidden")]] void handler(ApiCall* call);
PGANALYTICS_API_ROUTES(PGANALYTICS_DECLARE_HANDLER)
#undef PGANALYTICS_DECLARE_HANDLER

}  // namespace pganalytics::pg
