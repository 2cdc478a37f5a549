// Ingest worker: owns the listening sockets of the collectors' port and the gateways behind them.
#pragma once

namespace pganalytics::bgworker {

// RunIngestWorker runs ingest worker `index`, 0-based. It returns when the worker must stop or the
// extension was dropped.
void RunIngestWorker(int index);

}  // namespace pganalytics::bgworker
