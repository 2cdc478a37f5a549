// Worker: signals, waiting, and the row in pganalytics.workers.
#include "bgworker/process/worker.hpp"

#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr char kRestoring[] =
    "a restore of the database runs (a session with the application_name pg_restore)";
constexpr int64 kSteadyMs = 3600 * 1000;

pg::WorkerStatus* own_status = nullptr;
core::Instant turn;
core::ClockWatch clock_watch;
int64 clock_move_ms = 0;

void OnChildSignal(int) {
    const int saved_errno = errno;
    SetLatch(MyLatch);
    errno = saved_errno;
}

void AtExit(int code, Datum) {
    pg::UpdateStatus(own_status, [code](pg::WorkerStatus* s) {
        s->state = pg::WorkerState::kStopped;
        s->pid = 0;
        s->ended_well = code == 0;
        s->pki_version = 0;
        s->connections = 0;
    });
    // The postmaster tells only the launcher that has started this worker, and that one may be
    // gone.
    pg::WakeLauncher();
}

}  // namespace

pg::WorkerStatus* Begin(pg::WorkerKind kind, int index) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGCHLD, OnChildSignal);
    own_status = pg::StatusOf(kind, index);
    before_shmem_exit(AtExit, 0);
    pg::LockStatus();
    clock_watch = pg::Shared()->clock;
    pg::UnlockStatus();
    ReadClock();
    // A worker that starts looks at everything anyway. Only ClockIsSteady has to know of a move
    // before that.
    clock_move_ms = 0;
    const TimestampTz now = GetCurrentTimestamp();
    pg::UpdateStatus(own_status, [now](pg::WorkerStatus* s) {
        s->pid = MyProcPid;
        s->state = pg::WorkerState::kStarting;
        s->started_at = now;
        s->reloaded_at = now;
        s->storing_bytes = 0;
        ++s->starts;
        // What was wrong with the process before does not concern this one.
        s->last_error[0] = '\0';
        s->last_error_kind = pg::WorkerErrorKind::kOther;
    });
    BackgroundWorkerUnblockSignals();
    return own_status;
}

bool HandleInterrupts() {
    CHECK_FOR_INTERRUPTS();
    if (!ConfigReloadPending) return false;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    pg::KeepCommitsDurable();
    const pg::WorkerKind kind = own_status->kind;
    if (kind != pg::WorkerKind::kIngest && kind != pg::WorkerKind::kApi) ShowReloaded(own_status);
    return true;
}

void ShowReloaded(pg::WorkerStatus* status) {
    const TimestampTz now = GetCurrentTimestamp();
    pg::UpdateStatus(status, [now](pg::WorkerStatus* s) { s->reloaded_at = now; });
}

void Sleep(long timeout_ms) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
              PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    ReadClock();
}

core::Instant ReadClock() {
    clock_move_ms += clock_watch.Look(&turn);
    return turn;
}

core::Instant Now() { return turn; }

int64 TakeClockMove() {
    const int64 move_ms = clock_move_ms;
    clock_move_ms = 0;
    return move_ms;
}

void ShareClock() {
    pg::LockStatus();
    pg::Shared()->clock = clock_watch;
    pg::UnlockStatus();
}

bool ClockIsSteady() { return clock_watch.IsSteady(ReadClock(), kSteadyMs); }

bool AwaitExtension(pg::WorkerStatus* status, const char* role) {
    constexpr long kPollMs = 200;
    // The jobs of a restore have connections of their own, and between two of them there is none.
    constexpr int64 kAfterRestoreMs = 2000;
    core::Timer restored;
    for (;;) {
        HandleInterrupts();
        if (Stopping()) return false;
        bool exists = false;
        bool restores = false;
        // Whoever restores the database is connected before the extension exists.
        ErrorData* const error = pg::Transact([&] {
            exists = OidIsValid(pg::ExtensionOid());
            if (exists) restores = pg::RestoreRuns();
        });
        if (restores) restored.Start(Now(), kAfterRestoreMs);
        const char* why = "the extension is not in this database; run CREATE EXTENSION pganalytics";
        if (error != nullptr) {
            ReportWaiting(status, LOG, error->message);
            FreeErrorData(error);
        } else if (GetDatabaseEncoding() != PG_UTF8) {
            ReportWaiting(status, LOG,
                          "the database is not in UTF8; create one with ENCODING 'UTF8'");
        } else if (!restored.IsDue(Now())) {
            ReportWaiting(status, LOG, kRestoring);
        } else if (exists && pg::BecomeRole(role, &why)) {
            return true;
        } else {
            ReportWaiting(status, LOG, why);
        }
        pgstat_report_stat(true);
        Sleep(kPollMs);
    }
}

bool MayServe() {
    bool may = false;
    ErrorData* const error =
        pg::Transact([&may] { may = OidIsValid(pg::ExtensionOid()) && !pg::RestoreRuns(); });
    if (error != nullptr) FreeErrorData(error);
    return may || error != nullptr;
}

bool ExtensionExists() {
    bool exists = false;
    ErrorData* const error = pg::Transact([&exists] { exists = OidIsValid(pg::ExtensionOid()); });
    if (error != nullptr) FreeErrorData(error);
    return exists || error != nullptr;
}

void AwaitFiles(pg::WorkerStatus* status) {
    if (status->state != pg::WorkerState::kWaiting) {
        pg::SetState(status, pg::WorkerState::kWaiting);
        Report("waiting for the certificate authority");
    }
    const pg::WorkerStatus* const maintenance = pg::StatusOf(pg::WorkerKind::kMaintenance, 0);
    char whole[sizeof(maintenance->last_error) + 64] = "waits for the certificate authority: ";
    bool known = false;
    pg::UpdateStatus(status, [&](pg::WorkerStatus*) {
        // Ignore the maintenance worker's errors of any other kind, such as that it waited for the
        // extension.
        known = maintenance->last_error_kind == pg::WorkerErrorKind::kAuthority;
        strlcat(whole, maintenance->last_error, sizeof(whole));
    });
    if (known) pg::ShowWaiting(status, whole);
}

void ReportWaiting(pg::WorkerStatus* status, int level, const char* what) {
    Report(what);
    if (!pg::ShowWaiting(status, what)) return;
    ereport(level, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("pganalytics waits: %s", what));
}

void Report(const char* activity) { pgstat_report_activity(STATE_IDLE, activity); }

}  // namespace pganalytics::bgworker
