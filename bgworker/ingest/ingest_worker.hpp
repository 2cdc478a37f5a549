// Ingest worker: the owner of a listening socket and of the gateways behind it.
#pragma once

namespace pganalytics::bgworker {

// RunIngestWorker is the life of ingest worker `index`, 0-based; it returns when it is to stop.
void RunIngestWorker(int index);

}  // namespace pganalytics::bgworker
