// Audit hooks: the hooks through which the audit log sees what PostgreSQL's sessions do.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// InstallAuditHooks sets the hooks below. Hooks that were set before are called, too. Call it once,
// from _PG_init of a preloaded library.
void InstallAuditHooks();

void InstallLoginHooks();
void InstallDenialHooks();
void InstallStatementHooks();

}  // namespace pganalytics::pg
