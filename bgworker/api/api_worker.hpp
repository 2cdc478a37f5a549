// API worker: serves the port for people.
#pragma once

namespace pganalytics::bgworker {

// RunApiWorker is the worker's whole life. It returns when the worker must stop or the extension is
// gone.
void RunApiWorker();

}  // namespace pganalytics::bgworker
