// Shmem: the state of each worker in shared memory, for pganalytics.workers and
// wait_until_running().
#pragma once

#include "core/monotonic.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"

extern "C" {
#include "port/atomics.h"
}

namespace pganalytics::pg {

enum class WorkerKind : int { kLauncher, kMaintenance, kAudit, kAlerts, kApi, kIngest };
enum class WorkerState : int {
    kStopped,      // no process
    kStarting,     // has a process, but no gateway serves yet
    kWaiting,      // waiting for CREATE EXTENSION, or for what last_error names
    kRunning,      // serving
    kTerminating,  // shutting down
};

// WorkerErrorKind tells other workers what last_error is about. kAuthority: last_error says why
// gateways have no files from the certificate authority.
enum class WorkerErrorKind { kOther, kAuthority };

// WorkerStatus is one worker's row. Only this worker writes the row. It holds the lock while it
// writes. Totals count from the start of the server; a restart of the worker does not reset them.
struct WorkerStatus {
    WorkerKind kind;
    int index;  // number among the workers of this kind, from 0
    WorkerState state;
    pid_t pid;
    pid_t gateway_pid;
    uint64 pki_version;  // see ShowPki()
    TimestampTz started_at;
    TimestampTz reloaded_at;  // since then the worker works with the settings of that moment
    int64 starts;
    // The worker's last process returned from its main function. false: it ended with an error, or
    // before it could say how. The launcher clears it when it starts the worker.
    bool ended_well;
    int64 gateway_starts;
    int64 storing_bytes;  // size of the frames of the pushes that the worker stores now
    int64 connections;    // open connections, as the gateway last reported
    int64 counters[protocol::kWorkerCounters];  // indexed by WorkerCounter; see Count()
    TimestampTz last_error_at;
    WorkerErrorKind last_error_kind;
    char last_error[256];  // UTF-8

    void Count(protocol::WorkerCounter counter, int64 more = 1) {
        counters[static_cast<size_t>(counter)] += more;
    }
};

inline constexpr int kMaxWorkers = 5 + kMaxIngestWorkers;

// SharedState is what the library keeps in shared memory, apart from the SharedParts.
struct SharedState {
    pg_atomic_uint64 identity_version;  // see IdentityVersion()
    pg_atomic_uint64 pki_version;       // see PkiVersion()
    pg_atomic_uint32 issuing_fails;     // see IssuingFails()
    pg_atomic_uint64 oldest_text;       // see pganalytics_oldest_text
    uint64 pki_fingerprint;             // only the maintenance worker uses it
    // What the launcher has last seen of the wall clock, for processes that start later. The lock
    // of the rows guards it.
    core::ClockWatch clock;
    WorkerStatus statuses[kMaxWorkers];
};

// SharedPart describes the shared memory of one module. bytes() returns its size. start() creates
// it or attaches to it. start() is called with AddinShmemInitLock held.
struct SharedPart {
    Size (*bytes)();
    void (*start)();
};

// RequestSharedMemory installs the hooks that request and set up shared memory; they also call the
// hooks that other libraries have installed. Call it from _PG_init. The `count` parts must live as
// long as the process.
void RequestSharedMemory(const SharedPart* parts, int count);

// SharedMemoryReady: the shared memory exists, because shared_preload_libraries names the library.
bool SharedMemoryReady();

// Shared returns the shared state. REQUIRES: SharedMemoryReady().
SharedState* Shared();

// WorkLock returns the lock of the work locks (store/metrics/work_locks.hpp). REQUIRES:
// SharedMemoryReady().
LWLock* WorkLock();

// WakeWorkers sets the latch of every running worker. Raises no ERROR. REQUIRES:
// SharedMemoryReady().
void WakeWorkers();

// WakeLauncher sets the latch of the launcher if it runs. Raises no ERROR. REQUIRES:
// SharedMemoryReady().
void WakeLauncher();

// StatusOf returns the row of one worker. REQUIRES: SharedMemoryReady().
WorkerStatus* StatusOf(WorkerKind kind, int index);

// LockStatus takes the lock of all rows, and UnlockStatus releases it. UpdateStatus runs
// change(status) while it holds this lock. `change` must not raise an ERROR.
void LockStatus();
void UnlockStatus();
template <typename Change>
void UpdateStatus(WorkerStatus* status, Change&& change) {
    LockStatus();
    change(status);
    UnlockStatus();
}

// CopyStatuses copies all rows (kMaxWorkers of them) and returns their number.
int CopyStatuses(WorkerStatus* out);

}  // namespace pganalytics::pg
