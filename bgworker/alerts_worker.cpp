// Alerts worker: a loop of short transactions. A rule that is slow or broken costs itself alone.
#include "bgworker/alerts_worker.hpp"

#include "bgworker/worker.hpp"
#include "pg/session.hpp"

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;

}  // namespace

void RunAlertsWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kAlerts, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status, pg::kAlertsRole)) return;
    pg::SetState(status, pg::WorkerState::kRunning);
    Report("waiting for the next rule");
    while (!Stopping()) {
        if (!ExtensionExists()) return;
        pgstat_report_stat(true);
        Sleep(kTurnMs);
        HandleInterrupts();
    }
}

}  // namespace pganalytics::bgworker
