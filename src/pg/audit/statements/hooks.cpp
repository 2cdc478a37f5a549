// Audit hooks: installs all of them.
#include "pg/audit/statements/hooks.hpp"

namespace pganalytics::pg {

void InstallAuditHooks() {
    InstallLoginHooks();
    InstallDenialHooks();
    InstallStatementHooks();
}

}  // namespace pganalytics::pg
