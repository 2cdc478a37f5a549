// Shmem: the array of worker rows and its lock.
#include "pg/base/shmem.hpp"

extern "C" {
#include "storage/procarray.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kTranche[] = "pganalytics";

LWLock* lock = nullptr;
LWLock* work_lock = nullptr;
SharedState* shared = nullptr;
const SharedPart* parts = nullptr;
int part_count = 0;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

// The array of rows begins with one row for each kind before kIngest, in the order of the enum. The
// rows of the ingest workers follow.
constexpr int kFirstIngest = static_cast<int>(WorkerKind::kIngest);

WorkerKind KindAt(int place) { return static_cast<WorkerKind>(Min(place, kFirstIngest)); }

void Request() noexcept {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(SharedState)));
    for (int i = 0; i < part_count; ++i) RequestAddinShmemSpace(parts[i].bytes());
    RequestNamedLWLockTranche(kTranche, 2);
}

// LookAtClock returns the ClockWatch with which new shared memory starts. After a crash of a
// process the postmaster makes shared memory anew, and what the launcher had seen of the clock is
// lost. But `clock` remembers the postmaster's previous look, so this look detects whether the wall
// clock was set in between. It cannot tell when. So such a move counts as one of now.
core::ClockWatch LookAtClock() {
    static core::ClockWatch clock;
    core::Instant now;
    clock.Look(&now);
    return clock;
}

void Startup() noexcept {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    shared = static_cast<SharedState*>(ShmemInitStruct("pganalytics", sizeof(SharedState), &found));
    LWLockPadded* const tranche = GetNamedLWLockTranche(kTranche);
    lock = &tranche[0].lock;
    work_lock = &tranche[1].lock;
    if (!found) {
        memset(static_cast<void*>(shared), 0, sizeof(SharedState));
        shared->clock = LookAtClock();
        pg_atomic_init_u64(&shared->identity_version, 1);
        pg_atomic_init_u32(&shared->issuing_fails, 0);
        pg_atomic_init_u64(&shared->oldest_text, 0);
        pg_atomic_init_u64(&shared->pki_version, 0);
        for (int i = 0; i < kMaxWorkers; ++i) {
            shared->statuses[i].kind = KindAt(i);
            shared->statuses[i].index = i < kFirstIngest ? 0 : i - kFirstIngest;
        }
    }
    for (int i = 0; i < part_count; ++i) parts[i].start();
    LWLockRelease(AddinShmemInitLock);
}

// Wake reads the pid without the lock: a worker that starts or ends meanwhile checks for changes by
// itself.
void Wake(const WorkerStatus& status) {
    const pid_t pid = status.pid;
    if (pid == 0) return;
    if (PGPROC* const process = BackendPidGetProc(pid)) SetLatch(&process->procLatch);
}

}  // namespace

void RequestSharedMemory(const SharedPart* wanted, int count) {
    parts = wanted;
    part_count = count;
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = Request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = Startup;
}

bool SharedMemoryReady() { return shared != nullptr; }

SharedState* Shared() { return shared; }

void WakeWorkers() {
    for (const WorkerStatus& status : shared->statuses) Wake(status);
}

void WakeLauncher() { Wake(*StatusOf(WorkerKind::kLauncher, 0)); }

WorkerStatus* StatusOf(WorkerKind kind, int index) {
    return &shared->statuses[static_cast<int>(kind) + index];
}

LWLock* WorkLock() { return work_lock; }

void LockStatus() { LWLockAcquire(lock, LW_EXCLUSIVE); }
void UnlockStatus() { LWLockRelease(lock); }

int CopyStatuses(WorkerStatus* out) {
    LWLockAcquire(lock, LW_SHARED);
    memcpy(out, shared->statuses, sizeof(shared->statuses));
    LWLockRelease(lock);
    return kMaxWorkers;
}

}  // namespace pganalytics::pg
