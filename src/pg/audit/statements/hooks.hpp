// Audit hooks: the hooks through which the audit log sees what PostgreSQL's sessions do.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// InstallAuditHooks calls the three functions below, which set our hooks. Our hooks call the hooks
// that were set before. Call it once, from _PG_init of a preloaded library.
void InstallAuditHooks();

void InstallLoginHooks();
void InstallDenialHooks();
void InstallStatementHooks();

}  // namespace pganalytics::pg
