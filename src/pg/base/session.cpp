// Session: connecting, and becoming a role that may do little.
#include "pg/base/session.hpp"

#include "pg/base/guc.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/acl.h"
}

namespace pganalytics::pg {

void ConnectToDatabase() {
    // As the bootstrap superuser: a NOLOGIN role cannot connect before PostgreSQL 17.
    BackgroundWorkerInitializeConnection(settings.database, nullptr, 0);
    // A worker waits half a second for a lock, then answers 503: statement_timeout does nothing in
    // a background worker, lock_timeout does.
    SetConfigOption("lock_timeout", "500ms", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("timezone", "UTC", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
    // A read-only default would refuse every push; the port is for writing.
    SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
    // Every statement of a worker looks up by key. Its plans are kept for the worker's life, and
    // one made while a table was empty would scan it for ever.
    SetConfigOption("enable_seqscan", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("enable_hashjoin", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("enable_mergejoin", "off", PGC_USERSET, PGC_S_OVERRIDE);
    // A scan that is the only way then counts as beyond all measure, and would be compiled each
    // time: 200 ms for reading three rows.
    SetConfigOption("jit", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("plan_cache_mode", "force_generic_plan", PGC_USERSET, PGC_S_OVERRIDE);
    KeepCommitsDurable();
}

void PlanForReports() {
    for (const char* name : {"enable_seqscan", "enable_hashjoin", "enable_mergejoin"}) {
        (void)set_config_option(name, "on", PGC_USERSET, PGC_S_OVERRIDE, GUC_ACTION_LOCAL, true, 0,
                                false);
    }
    (void)set_config_option("plan_cache_mode", "auto", PGC_USERSET, PGC_S_OVERRIDE,
                            GUC_ACTION_LOCAL, true, 0, false);
}

void KeepCommitsDurable() {
    if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF) {
        SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
    }
}

Oid ExtensionOid() { return get_extension_oid(kExtension, true); }

bool BecomeRole(const char* name, const char** why) {
    Oid role = InvalidOid;
    ErrorData* const error = Transact([name, &role] { role = get_role_oid(name, true); });
    if (error != nullptr) ReThrowError(error);
    if (!OidIsValid(role)) {
        *why = psprintf("role \"%s\" does not exist", name);
        return false;
    }
    SetSessionAuthorization(role, false);
    return true;
}

}  // namespace pganalytics::pg
