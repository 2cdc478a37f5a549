// API scrapers: checks the programs that read metrics with GET /metrics.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// AdmitScraper checks whether a request that names no person may read metrics. It admits the
// request if anybody may read metrics, if it shows a client certificate, or if it has a token that
// is on record and not revoked. Otherwise AdmitScraper refuses the call with 401 and returns false.
bool AdmitScraper(ApiCall* call);

}  // namespace pganalytics::pg
