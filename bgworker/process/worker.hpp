// Worker: what all background workers of pganalytics have in common.
#pragma once

#include "core/monotonic.hpp"
#include "pg/base/prelude.hpp"
#include "pg/base/shmem.hpp"

namespace pganalytics::bgworker {

// Names of the entry points, by which the postmaster finds them in the library.
inline constexpr char kLibrary[] = "pganalytics";
inline constexpr char kLauncherMain[] = "pganalytics_launcher_main";
inline constexpr char kIngestMain[] = "pganalytics_ingest_main";
inline constexpr char kApiMain[] = "pganalytics_api_main";
inline constexpr char kAuditMain[] = "pganalytics_audit_main";
inline constexpr char kAlertsMain[] = "pganalytics_alerts_main";
inline constexpr char kMaintenanceMain[] = "pganalytics_maintenance_main";

// Begin sets up signals and the worker's row in pganalytics.workers. Every worker calls it first.
// When the process exits, however it does so, the row shows that.
pg::WorkerStatus* Begin(pg::WorkerKind kind, int index);

// HandleInterrupts handles barriers and cancellation, and reloads the configuration after SIGHUP.
// Call it in every iteration of a loop: otherwise DROP DATABASE of any database waits forever.
// HandleInterrupts returns true if it has reloaded the configuration.
bool HandleInterrupts();

// ReadClock reads the clock. Call it first in every iteration of a loop and after every wait. All
// other code calls Now(), which returns what ReadClock has read last, so that one iteration uses
// one time.
core::Instant ReadClock();
core::Instant Now();

// ShowReloaded shows in the worker's row that the settings now in force are those it works with.
// HandleInterrupts calls it for workers without a gateway, the supervisor for the others, when a
// gateway with these settings serves.
void ShowReloaded(pg::WorkerStatus* status);

// TakeClockMove returns by how many milliseconds the wall clock was set since the last call, as far
// as ReadClock has noticed: 0 if it was not set, less than 0 if it was set back.
int64 TakeClockMove();

// ClockIsSteady reads the clock and returns true if the wall clock was not set within the last
// hour, as far as this process knows. Remove data for its age only while it returns true: otherwise
// a clock that is a year ahead for a moment would cost a year of data.
// A process knows if the clock was set before the process started, even after a crash. It does not
// know if the clock was set before the server started: a server believes the clock at its start.
bool ClockIsSteady();

// ShareClock tells the workers that start later what this process has seen of the wall clock. The
// launcher calls it in each iteration of its loop.
void ShareClock();

// Stopping: SIGTERM has come, so the worker must stop.
inline bool Stopping() { return ShutdownRequestPending != 0; }

// Sleep waits for the latch, at most `timeout_ms`, and then calls ReadClock. It ends the process if
// the postmaster has died.
void Sleep(long timeout_ms);

// AwaitExtension waits until the extension exists, no restore of the database runs and the process
// can become `role`, and then makes it the current role. It returns false if the worker must stop.
// The worker's row shows what AwaitExtension waits for.
bool AwaitExtension(pg::WorkerStatus* status, const char* role);

// AwaitFiles shows that no gateway can start before there are certificate files. If the maintenance
// worker knows why there are none, AwaitFiles shows that too. It does not wait.
void AwaitFiles(pg::WorkerStatus* status);

// ExtensionExists: the extension exists, or the check failed.
bool ExtensionExists();

// MayServe: the extension exists and no restore of the database runs, or the check failed. Workers
// call it once a second. If it returns false, the worker exits, which closes its port, and the
// worker that is started next waits in AwaitExtension.
bool MayServe();

// ReportWaiting shows what the process waits for, in its row and in pg_stat_activity, and logs it
// at `level`. If the row says so already, it only shows it in pg_stat_activity.
void ReportWaiting(pg::WorkerStatus* status, int level, const char* what);

// Report shows in pg_stat_activity what the worker does.
void Report(const char* activity);

}  // namespace pganalytics::bgworker
