// Audit hooks: where the audit log listens to PostgreSQL's sessions.
#pragma once

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// InstallAuditHooks sets the hooks below; those that were there are called, too. Called once, from
// _PG_init of a preloaded library.
void InstallAuditHooks();

void InstallLoginHooks();
void InstallDenialHooks();
void InstallStatementHooks();

}  // namespace pganalytics::pg
