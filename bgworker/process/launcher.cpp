// Launcher: keeps the maintenance, audit, alerts, API and ingest workers running while their
// database exists, with a back-off for those that end with an error again and again.
#include "bgworker/process/launcher.hpp"

#include "bgworker/process/listener.hpp"
#include "bgworker/process/settings_watch.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/audit/ring.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "replication/logicallauncher.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr int64 kYoungMs = 5000;
constexpr int64 kFirstBackoffMs = 250;
constexpr int64 kLongestBackoffMs = 32000;
// The shortest time between two starts of a worker, so that none can end and start in a tight loop.
constexpr int64 kStartPeriodMs = 200;
constexpr int64 kNoSlotMs = 10000;
constexpr char kNoSlot[] = "slot";  // the topic of a trouble

// Child is a worker that the launcher keeps alive.
struct Child {
    pg::WorkerStatus* status;
    BackgroundWorkerHandle* handle;
    bool was_running;
    core::Instant started_at;
    core::Timer next_start;  // not before this, however the worker has ended
    core::Backoff backoff{kFirstBackoffMs, kLongestBackoffMs};
};

Child children[pg::kMaxWorkers];
int child_count = 0;

void ListChildren() {
    children[child_count++].status = pg::StatusOf(pg::WorkerKind::kMaintenance, 0);
    children[child_count++].status = pg::StatusOf(pg::WorkerKind::kAudit, 0);
    children[child_count++].status = pg::StatusOf(pg::WorkerKind::kAlerts, 0);
    if (pg::settings.api_port != 0) {
        children[child_count++].status = pg::StatusOf(pg::WorkerKind::kApi, 0);
    }
    for (int i = 0; i < pg::settings.ingest_workers; ++i) {
        children[child_count++].status = pg::StatusOf(pg::WorkerKind::kIngest, i);
    }
}

// IsRunning: the worker runs or is being started. After a restart the launcher has no handles of
// the workers that the former launcher started, but the status rows of these workers show their
// pids.
bool IsRunning(const Child& child) {
    pid_t pid = 0;
    if (child.handle != nullptr && GetBackgroundWorkerPid(child.handle, &pid) != BGWH_STOPPED) {
        return true;
    }
    return child.status->pid != 0;
}

struct ChildNames {
    const char* main;
    const char* type;
};

const ChildNames& NamesOf(pg::WorkerKind kind) {
    // The entries are in the order of pg::WorkerKind. The launcher's entry is never used.
    static constexpr ChildNames kNames[] = {
        {kLauncherMain, "pganalytics launcher"}, {kMaintenanceMain, "pganalytics maintenance"},
        {kAuditMain, "pganalytics audit"},       {kAlertsMain, "pganalytics alerts"},
        {kApiMain, "pganalytics api"},           {kIngestMain, "pganalytics ingest"}};
    return kNames[static_cast<int>(kind)];
}

void StartChild(Child* child, pg::WorkerStatus* status) {
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    worker.bgw_main_arg = Int32GetDatum(child->status->index);
    strlcpy(worker.bgw_library_name, kLibrary, sizeof(worker.bgw_library_name));
    const ChildNames& names = NamesOf(child->status->kind);
    strlcpy(worker.bgw_function_name, names.main, sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_type, names.type, sizeof(worker.bgw_type));
    strlcpy(worker.bgw_name, names.type, sizeof(worker.bgw_name));
    if (child->status->kind == pg::WorkerKind::kIngest) {
        pg_snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s %d", names.type,
                    child->status->index + 1);
    }
    pg::UpdateStatus(child->status, [](pg::WorkerStatus* s) { s->ended_well = false; });
    if (child->handle != nullptr) pfree(child->handle);
    child->handle = nullptr;
    MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, &child->handle);
    MemoryContextSwitchTo(caller);
    child->started_at = Now();
    child->was_running = registered;
    child->next_start.Start(Now(), registered ? kStartPeriodMs : kNoSlotMs);
    if (registered) {
        pg::EndTrouble(status, kNoSlot);
    } else if (pg::ShowTrouble(
                   status, kNoSlot,
                   "no worker process is free for \"%s\"; increase max_worker_processes",
                   worker.bgw_name)) {
        ereport(WARNING, errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                errmsg("could not register background worker \"%s\"", worker.bgw_name),
                errhint("Increase max_worker_processes."));
    }
}

// NoteEnd plans the next start of a worker that has ended. A worker that was told to end, or whose
// extension was dropped, returns from its main function: it starts again at once. Only an early end
// with an error is a failure.
void NoteEnd(Child* child, pg::WorkerStatus* status) {
    if (!child->status->ended_well && Now().MsSince(child->started_at) < kYoungMs) {
        child->backoff.Fail(Now());
        // The server log has the error.
        pg::ShowTrouble(status, NamesOf(child->status->kind).type,
                        "\"%s\" has ended with an error; the server log says why",
                        NamesOf(child->status->kind).type);
    } else {
        child->backoff.Reset();
    }
}

// TendChild starts a worker that does not run, if it may start. Otherwise it returns in how many
// milliseconds the worker may start.
int64 TendChild(Child* child, pg::WorkerStatus* status) {
    if (IsRunning(*child)) {
        child->was_running = true;
        if (Now().MsSince(child->started_at) >= kYoungMs) {
            pg::EndTrouble(status, NamesOf(child->status->kind).type);
        }
        return kTurnMs;
    }
    if (child->was_running) {
        child->was_running = false;
        NoteEnd(child, status);
    }
    const int64 wait_ms = Max(child->next_start.MsLeft(Now()), child->backoff.MsLeft(Now()));
    if (wait_ms > 0) return wait_ms;
    StartChild(child, status);
    return kTurnMs;
}

// DatabaseExists scans the heap of pg_database, as the autovacuum launcher does. It cannot use an
// index: as long as nobody has connected to the cluster, a process without a database has no index
// of pg_database in its relation cache.
bool DatabaseExists() {
    bool exists = false;
    ErrorData* const error = pg::Transact([&exists] {
        Relation const relation = table_open(DatabaseRelationId, AccessShareLock);
        TableScanDesc const scan = table_beginscan_catalog(relation, 0, nullptr);
        while (HeapTuple const tuple = heap_getnext(scan, ForwardScanDirection)) {
            const auto* const database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            exists = exists || strcmp(NameStr(database->datname), pg::settings.database) == 0;
        }
        table_endscan(scan);
        table_close(relation, AccessShareLock);
    });
    if (error != nullptr) ReThrowError(error);
    return exists;
}

// LogClockMove logs that the wall clock was set, because times in the tables and in the logs jump
// at that moment.
void LogClockMove() {
    const int64 move_ms = TakeClockMove();
    if (move_ms == 0) return;
    ereport(LOG,
            errmsg("the system clock was set %s by %.1f s", move_ms > 0 ? "forward" : "back",
                   static_cast<double>(move_ms > 0 ? move_ms : -move_ms) / 1000),
            errdetail("Within the next hour pganalytics removes nothing for its age."));
}

bool AnyIngestWorker() {
    for (int i = 0; i < child_count; ++i) {
        if (children[i].status->kind == pg::WorkerKind::kIngest && IsRunning(children[i])) {
            return true;
        }
    }
    return false;
}

// MayStart: the database exists, and the port is free or our own ingest workers have it. Ingest
// workers bind with SO_REUSEPORT. If another cluster of the same user bound the port with
// SO_REUSEPORT as well, both would succeed, and a connection would go to either cluster. So while
// no ingest worker runs, MayStart tries to bind the port without SO_REUSEPORT.
bool MayStart(pg::WorkerStatus* status) {
    char why[256];
    if (!DatabaseExists()) {
        pg_snprintf(why, sizeof(why),
                    "database \"%s\" does not exist; pganalytics.database names it",
                    pg::settings.database);
        ReportWaiting(status, WARNING, why);
        pg::EndAuditRingService();
        return false;
    }
    if (AnyIngestWorker()) return true;
    Listeners probe;
    if (!OpenListeners(pg::settings.port, PortUse::kProbe, &probe, why, sizeof(why))) {
        ReportWaiting(status, WARNING, why);
        return false;
    }
    CloseListeners(&probe);
    return true;
}

// WarnOfFewSlots warns if the workers leave no worker process for parallel queries. Those then run
// without one, and nothing says so.
void WarnOfFewSlots() {
    const int needed = 1 + child_count;
    const int logical = max_logical_replication_workers > 0 ? 1 : 0;  // the launcher of replication
    const int left = Max(max_worker_processes - needed - logical, 0);
    if (left >= max_parallel_workers_per_gather) return;
    ereport(
        WARNING, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
        errmsg("pganalytics takes %d of max_worker_processes = %d, which leaves %d for parallel "
               "queries and others",
               needed, max_worker_processes, left),
        errhint("Set max_worker_processes to at least %d and restart the server.",
                needed + logical + Max(max_parallel_workers, max_parallel_workers_per_gather)));
}

}  // namespace

void RegisterLauncher() {
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 1;
    strlcpy(worker.bgw_library_name, kLibrary, sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, kLauncherMain, sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "pganalytics launcher", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pganalytics launcher", sizeof(worker.bgw_type));
    RegisterBackgroundWorker(&worker);
}

void RunLauncher() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kLauncher, 0);
    // Connect to no database: the launcher needs only the shared catalogs.
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    RecordSettingChanges();
    ListChildren();
    WarnOfFewSlots();
    while (!Stopping()) {
        int64 wait_ms = kTurnMs;
        if (MayStart(status)) {
            pg::SetState(status, pg::WorkerState::kRunning);
            for (int i = 0; i < child_count; ++i)
                wait_ms = Min(wait_ms, TendChild(&children[i], status));
        }
        Sleep(wait_ms);
        if (HandleInterrupts()) RecordSettingChanges();
        ShareClock();
        LogClockMove();
    }
}

}  // namespace pganalytics::bgworker
