// API worker: serves the port for people.
#pragma once

namespace pganalytics::bgworker {

// RunApiWorker runs the worker. It returns when the worker must stop or the extension was dropped.
void RunApiWorker();

}  // namespace pganalytics::bgworker
