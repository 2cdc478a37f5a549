// Module: the functions that PostgreSQL calls by name: _PG_init and the workers' entry points.
#include "bgworker/alerts/alerts_worker.hpp"
#include "bgworker/api/api_worker.hpp"
#include "bgworker/chores/audit_worker.hpp"
#include "bgworker/chores/maintenance_worker.hpp"
#include "bgworker/ingest/ingest_worker.hpp"
#include "bgworker/process/launcher.hpp"
#include "pg/audit/counted.hpp"
#include "pg/audit/ring.hpp"
#include "pg/audit/statements/hooks.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"
#include "pg/identity/rate_limits.hpp"
#include "pg/store/metrics/work_locks.hpp"

namespace {

constexpr pganalytics::pg::SharedPart kSharedParts[] = {
    {pganalytics::pg::RateLimitBytes, pganalytics::pg::StartRateLimits},
    {pganalytics::pg::AuditRingBytes, pganalytics::pg::StartAuditRing},
    {pganalytics::pg::AuditCountsBytes, pganalytics::pg::StartAuditCounts},
    {pganalytics::pg::WorkLockBytes, pganalytics::pg::StartWorkLocks},
};

}  // namespace

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
PGDLLEXPORT void pganalytics_launcher_main(Datum);
PGDLLEXPORT void pganalytics_ingest_main(Datum);
PGDLLEXPORT void pganalytics_maintenance_main(Datum);
PGDLLEXPORT void pganalytics_audit_main(Datum);
PGDLLEXPORT void pganalytics_alerts_main(Datum);
PGDLLEXPORT void pganalytics_api_main(Datum);

void _PG_init(void) {
    pganalytics::pg::DefineSettings();
    // Without shared_preload_libraries the SQL objects work, but no worker runs.
    if (!process_shared_preload_libraries_in_progress) return;
    pganalytics::pg::RequestSharedMemory(kSharedParts, lengthof(kSharedParts));
    // pg_upgrade starts the server only for its own use: install no hooks and start no workers.
    if (IsBinaryUpgrade) return;
    pganalytics::pg::InstallAuditHooks();
    pganalytics::bgworker::RegisterLauncher();
}

// The postmaster restarts a static worker only if it exits with code 1.
void pganalytics_launcher_main(Datum) {
    pganalytics::bgworker::RunLauncher();
    proc_exit(1);
}

void pganalytics_ingest_main(Datum index) {
    pganalytics::bgworker::RunIngestWorker(DatumGetInt32(index));
}

void pganalytics_maintenance_main(Datum) { pganalytics::bgworker::RunMaintenanceWorker(); }

void pganalytics_audit_main(Datum) { pganalytics::bgworker::RunAuditWorker(); }

void pganalytics_alerts_main(Datum) { pganalytics::bgworker::RunAlertsWorker(); }

void pganalytics_api_main(Datum) { pganalytics::bgworker::RunApiWorker(); }

}  // extern "C"
