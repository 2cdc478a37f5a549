// Alerts worker: evaluates the rules that are due, notifies people of changes, and removes old
// alerts.
#pragma once

namespace pganalytics::bgworker {

// RunAlertsWorker takes a turn each second, or sooner if a rule is due. It returns when the worker
// must stop or the extension was dropped.
void RunAlertsWorker();

}  // namespace pganalytics::bgworker
