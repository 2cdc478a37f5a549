// Session: connects, and becomes a role with few privileges.
#include "pg/base/session.hpp"

#include "pg/base/guc.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/acl.h"
}

namespace pganalytics::pg {

void ConnectToDatabase() {
    // Connect as the bootstrap superuser, because before PostgreSQL 17 a NOLOGIN role cannot
    // connect.
    BackgroundWorkerInitializeConnection(settings.database, nullptr, 0);
    // A worker waits for a lock for less than half a second, then answers 503, so that a push is
    // answered within half a second. Use lock_timeout, because statement_timeout has no effect in a
    // background worker.
    SetConfigOption("lock_timeout", "400ms", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("timezone", "UTC", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
    // If the administrator's default were read-only, every push would fail.
    SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
    // Forbid plans that scan a whole table. Every statement of a worker looks up rows by key, and a
    // worker keeps its plans as long as it lives: a plan that was made while a table was empty
    // would scan the table for ever.
    SetConfigOption("enable_seqscan", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("enable_hashjoin", "off", PGC_USERSET, PGC_S_OVERRIDE);
    SetConfigOption("enable_mergejoin", "off", PGC_USERSET, PGC_S_OVERRIDE);
    // If a statement can only be planned with a scan, the settings above give the plan a huge cost.
    // Because of this cost JIT would compile the plan each time: 200 ms to read three rows.
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

bool RestoreRuns() {
    static Statement find = {
        "SELECT FROM pg_catalog.pg_stat_activity a "
        "JOIN pg_catalog.pg_database d ON d.oid = a.datid "
        "JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid "
        "WHERE d.datname = pg_catalog.current_database() "
        "AND a.application_name LIKE 'pg\\_restore%' AND (r.rolsuper OR d.datdba = r.oid) LIMIT 1",
        0,
        {},
        nullptr};
    Execute(&find, nullptr);
    return SPI_processed > 0;
}

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
