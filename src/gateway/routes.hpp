// Routes: what the collectors' port answers, all of it in one table.
#pragma once

#include <vector>

#include "gateway/push.hpp"
#include "http/router.hpp"

namespace pganalytics::gateway {

// CollectorRoutes gives the table; `push` must outlive it.
std::vector<http::Route> CollectorRoutes(PushService& push);

}  // namespace pganalytics::gateway
