// Alerts worker: evaluates the rules that are due, tells of what has changed, and keeps the tables
// of alerts short.
#pragma once

namespace pganalytics::bgworker {

// RunAlertsWorker takes a turn each second, or sooner when a rule is due; it returns when it is to
// stop, or when the extension was dropped.
void RunAlertsWorker();

}  // namespace pganalytics::bgworker
