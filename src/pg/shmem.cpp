// Shmem: the array of worker rows and its lock.
#include "pg/shmem.hpp"

namespace pganalytics::pg {
namespace {

constexpr char kTranche[] = "pganalytics";

LWLock* lock = nullptr;
WorkerStatus* statuses = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

void Request() noexcept {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerStatus) * kMaxWorkers));
    RequestNamedLWLockTranche(kTranche, 1);
}

void Startup() noexcept {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    statuses = static_cast<WorkerStatus*>(
        ShmemInitStruct("pganalytics workers", sizeof(WorkerStatus) * kMaxWorkers, &found));
    lock = &GetNamedLWLockTranche(kTranche)->lock;
    if (!found) {
        memset(statuses, 0, sizeof(WorkerStatus) * kMaxWorkers);
        for (int i = 0; i < kMaxWorkers; ++i) {
            statuses[i].kind = i == 0   ? WorkerKind::kLauncher
                               : i == 1 ? WorkerKind::kMaintenance
                                        : WorkerKind::kIngest;
            statuses[i].index = i < 2 ? 0 : i - 2;
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void RequestSharedMemory() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = Request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = Startup;
}

bool SharedMemoryReady() { return statuses != nullptr; }

WorkerStatus* StatusOf(WorkerKind kind, int index) {
    switch (kind) {
        case WorkerKind::kLauncher:
            return &statuses[0];
        case WorkerKind::kMaintenance:
            return &statuses[1];
        case WorkerKind::kIngest:
            break;
    }
    return &statuses[2 + index];
}

void LockStatus() { LWLockAcquire(lock, LW_EXCLUSIVE); }
void UnlockStatus() { LWLockRelease(lock); }

int CopyStatuses(WorkerStatus* out) {
    LWLockAcquire(lock, LW_SHARED);
    memcpy(out, statuses, sizeof(WorkerStatus) * kMaxWorkers);
    LWLockRelease(lock);
    return kMaxWorkers;
}

void SetState(WorkerStatus* status, WorkerState state) {
    UpdateStatus(status, [state](WorkerStatus* s) { s->state = state; });
}

void SetError(WorkerStatus* status, const char* message) {
    const TimestampTz now = GetCurrentTimestamp();
    UpdateStatus(status, [message, now](WorkerStatus* s) {
        strlcpy(s->last_error, message, sizeof(s->last_error));
        s->last_error_at = now;
    });
}

}  // namespace pganalytics::pg
