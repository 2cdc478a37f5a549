// Ingest worker: the owner of a listening socket and of the gateways behind it.
#pragma once

namespace pganalytics::bgworker {

// RunIngestWorker runs ingest worker `index`, 0-based. It returns when the worker must stop or the
// extension was dropped.
void RunIngestWorker(int index);

}  // namespace pganalytics::bgworker
