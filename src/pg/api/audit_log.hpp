// API audit log: GET /api/v1/audit-logs.
#pragma once

#include "pg/api/call.hpp"

namespace pganalytics::pg {

// AuditLogs answers with a page of the audit log, the newest rows first, by the filters of the
// query: 422 for a parameter that is none or has no good value. Paged by key: rows that come
// meanwhile neither repeat nor hide one.
void AuditLogs(ApiCall* call);

}  // namespace pganalytics::pg
