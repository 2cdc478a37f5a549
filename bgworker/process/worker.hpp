// Worker: what every background worker of pganalytics does alike.
#pragma once

#include "core/monotonic.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// Names of the entry points in the library, as the postmaster looks them up.
inline constexpr char kLibrary[] = "pganalytics";
inline constexpr char kLauncherMain[] = "pganalytics_launcher_main";
inline constexpr char kIngestMain[] = "pganalytics_ingest_main";
inline constexpr char kApiMain[] = "pganalytics_api_main";
inline constexpr char kAuditMain[] = "pganalytics_audit_main";
inline constexpr char kAlertsMain[] = "pganalytics_alerts_main";
inline constexpr char kMaintenanceMain[] = "pganalytics_maintenance_main";

// Begin sets up signals and the worker's row; every worker's first call. When the process ends, in
// whatever way, its row says so.
pg::WorkerStatus* Begin(pg::WorkerKind kind, int index);

// HandleInterrupts is called every turn of a loop: it serves barriers and cancellation, without
// which DROP DATABASE of any database waits for ever. True if the configuration was reloaded.
bool HandleInterrupts();

// ReadClock reads the clock: the first thing in every turn of a loop, and after every wait.
// Whatever follows asks Now(), so that all of a turn go by one time.
core::Instant ReadClock();
core::Instant Now();

// TakeClockMove gives by how many milliseconds the wall clock was set since the last call, as far
// as ReadClock has noticed: 0 if it was not, less than 0 if it was set back.
int64 TakeClockMove();

// ClockIsSteady: the wall clock was not set within the last hour. Until then nothing is removed for
// its age: a clock that is a year ahead for a moment must not cost a year of data.
bool ClockIsSteady();

// Stopping: SIGTERM has come.
inline bool Stopping() { return ShutdownRequestPending != 0; }

// Sleep waits for the latch, at most `timeout_ms`, and reads the clock; ends the process if the
// postmaster has died.
void Sleep(long timeout_ms);

// AwaitExtension waits until the extension exists and `role` can be taken, then becomes that
// role. False if the worker is to stop instead. What it waits for stands in the worker's row.
bool AwaitExtension(pg::WorkerStatus* status, const char* role);

// ExtensionExists is asked when nothing is to do: after DROP EXTENSION the port closes, and the
// worker waits for CREATE EXTENSION again. True if it could not be found out.
bool ExtensionExists();

// Report shows in pg_stat_activity what the worker does now.
void Report(const char* activity);

}  // namespace pganalytics::bgworker
