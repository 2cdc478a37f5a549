// API scrapers: checks programs that read GET /metrics.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// AdmitScraper checks whether a request that names no person may read metrics: anyone may, or it
// shows a certificate, or it has a token that is on record and not revoked. False after a refusal.
bool AdmitScraper(ApiCall* call);

}  // namespace pganalytics::pg
