// Maintenance worker: a loop over SQL functions that do the work.
#include "bgworker/maintenance_worker.hpp"

#include "bgworker/worker.hpp"
#include "pg/session.hpp"

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr long kPeriodMs = 3600 * 1000;
constexpr long kRetryMs = 60 * 1000;

enum class Outcome { kDone, kFailed, kExtensionGone };

Outcome Maintain(pg::WorkerStatus* status, bool due) {
    bool exists = false;
    ErrorData* const error = pg::Transact([&exists, due] {
        exists = OidIsValid(pg::ExtensionOid());
        if (!exists || !due) return;
        if (SPI_execute("SELECT pganalytics.make_partitions()", false, 0) != SPI_OK_SELECT) {
            elog(ERROR, "could not call pganalytics.make_partitions()");
        }
    });
    if (error == nullptr) return exists ? Outcome::kDone : Outcome::kExtensionGone;
    ereport(WARNING, errcode(error->sqlerrcode),
            errmsg("pganalytics maintenance failed: %s", error->message));
    pg::SetError(status, error->message);
    FreeErrorData(error);
    return Outcome::kFailed;
}

}  // namespace

void RunMaintenanceWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kMaintenance, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status)) return;
    pg::SetState(status, pg::WorkerState::kRunning);
    TimestampTz due_at = 0;
    while (!Stopping()) {
        const TimestampTz now = GetCurrentTimestamp();
        const bool due = now >= due_at;
        if (due) pgstat_report_activity(STATE_RUNNING, "making partitions");
        const Outcome outcome = Maintain(status, due);
        if (outcome == Outcome::kExtensionGone) return;
        if (due) {
            due_at =
                TimestampTzPlusMilliseconds(now, outcome == Outcome::kDone ? kPeriodMs : kRetryMs);
            Report("waiting for the next hour");
            pgstat_report_stat(true);
        }
        Sleep(kTurnMs);
        HandleInterrupts();
    }
}

}  // namespace pganalytics::bgworker
