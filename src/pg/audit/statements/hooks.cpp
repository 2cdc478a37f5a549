// Audit hooks: installs all hooks of the audit log.
#include "pg/audit/statements/hooks.hpp"

namespace pganalytics::pg {

void InstallAuditHooks() {
    InstallLoginHooks();
    InstallDenialHooks();
    InstallStatementHooks();
}

}  // namespace pganalytics::pg
