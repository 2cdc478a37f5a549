// Alerts worker: evaluates the rules that are due, notifies people of changes, and removes old
// alerts.
#pragma once

namespace pganalytics::bgworker {

// RunAlertsWorker looks for due rules once a second, or sooner if a rule is due sooner. It returns
// when the worker must stop or the extension was dropped.
void RunAlertsWorker();

}  // namespace pganalytics::bgworker
