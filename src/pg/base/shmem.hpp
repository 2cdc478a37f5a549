// Shmem: what each worker says of itself, for pganalytics.workers and wait_until_running().
#pragma once

#include "pg/base/guc.hpp"
#include "pg/base/prelude.hpp"

extern "C" {
#include "port/atomics.h"
}

namespace pganalytics::pg {

enum class WorkerKind : int { kLauncher, kMaintenance, kAudit, kAlerts, kApi, kIngest };
enum class WorkerState : int {
    kStopped,      // no process
    kStarting,     // process, no gateway that serves yet
    kWaiting,      // for CREATE EXTENSION, or for a condition that last_error names
    kRunning,      // serving
    kTerminating,  // leaving
};

// WorkerErrorKind is what other workers tell an error by. kAuthority: why there are no files of the
// certificate authority for gateways.
enum class WorkerErrorKind { kOther, kAuthority };

// WorkerStatus is one worker's row. Its worker alone writes it, under the lock; totals are since
// the server started and survive the worker's own restarts.
struct WorkerStatus {
    WorkerKind kind;
    int index;  // 0-based among its kind
    WorkerState state;
    pid_t pid;
    pid_t gateway_pid;
    uint64 pki_version;  // of the oldest files that a gateway of it may show; 0: no gateway does
    TimestampTz started_at;
    int64 starts;
    int64 gateway_starts;
    int64 connections;                          // open now, as the gateway last said
    int64 counters[protocol::kWorkerCounters];  // by WorkerCounter; Count() adds to them
    TimestampTz last_error_at;
    WorkerErrorKind last_error_kind;
    char last_error[256];  // UTF-8

    void Count(protocol::WorkerCounter counter, int64 more = 1) {
        counters[static_cast<size_t>(counter)] += more;
    }
};

inline constexpr int kMaxWorkers = 5 + kMaxIngestWorkers;

// SharedState is all that the library keeps in shared memory.
struct SharedState {
    pg_atomic_uint64 identity_version;  // identity_state.hpp
    pg_atomic_uint64 pki_version;       // likewise
    uint64 pki_fingerprint;             // the maintenance worker's own
    WorkerStatus statuses[kMaxWorkers];
};

// SharedPart is shared memory of a part of the library above this one: its size, and what makes or
// attaches it, called with AddinShmemInitLock held.
struct SharedPart {
    Size (*bytes)();
    void (*start)();
};

// RequestSharedMemory is called from _PG_init; it chains the hooks of other libraries. The `count`
// parts must live as long as the process.
void RequestSharedMemory(const SharedPart* parts, int count);

// SharedMemoryReady: the library was preloaded.
bool SharedMemoryReady();

// Shared gives it. REQUIRES: SharedMemoryReady().
SharedState* Shared();

// WakeWorkers sets the latch of every worker that runs. Raises no ERROR.
void WakeWorkers();

// StatusOf gives the row of one worker. REQUIRES: SharedMemoryReady().
WorkerStatus* StatusOf(WorkerKind kind, int index);

// UpdateStatus runs change(row) under the lock. change must not raise ERROR.
void LockStatus();
void UnlockStatus();
template <typename Change>
void UpdateStatus(WorkerStatus* status, Change&& change) {
    LockStatus();
    change(status);
    UnlockStatus();
}

// CopyStatuses copies all rows (kMaxWorkers of them) and gives their number.
int CopyStatuses(WorkerStatus* out);

// SetState changes one worker's row. Its last_error is set by trouble.hpp alone.
void SetState(WorkerStatus* status, WorkerState state);

}  // namespace pganalytics::pg
