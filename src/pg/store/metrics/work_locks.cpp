// Work locks: an array of bytes in shared memory. Each byte is a lock and names its holder.
#include "pg/store/metrics/work_locks.hpp"

#include "core/monotonic.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/shmem.hpp"

extern "C" {
#include "storage/condition_variable.h"
#include "storage/proc.h"
}

namespace pganalytics::pg {
namespace {

// So many locks that two names rarely share one: of two groups of 50 pushes, one pair in a hundred
// does. A group has far fewer servers than pushes, so the other classes need fewer locks.
constexpr uint32 kPushKeys = 1u << 18;
constexpr uint32 kServers = 1u << 14;

// A worker waits so long for another one: long enough for its commit on a slow disk.
constexpr int64 kLongestWaitMs = 500;

constexpr uint32 kClasses = 4;
constexpr uint32 kLocks = kPushKeys + (kClasses - 1) * kServers;

struct WorkLocks {
    ConditionVariable released;
    uint8 holders[kLocks];  // 0: free, else the number of the worker plus one
};
static_assert(kMaxIngestWorkers < 255);

WorkLocks* locks = nullptr;
uint8 self = 0;

// The locks that this transaction holds.
struct Held {
    uint32* list;
    int count;
    int capacity;
};
Held held = {};

uint32 LockOf(WorkClass work, uint64 name) {
    if (work == WorkClass::kPushKey) return static_cast<uint32>(name % kPushKeys);
    const uint32 place = static_cast<uint32>(work) - 1;
    return kPushKeys + place * kServers + static_cast<uint32>(name % kServers);
}

void MakeRoom(int more) {
    if (held.count + more <= held.capacity) return;
    const int capacity = held.count + more + 64;
    const Size bytes = sizeof(uint32) * static_cast<Size>(capacity);
    held.list =
        static_cast<uint32*>(held.list == nullptr ? MemoryContextAllocHuge(TopMemoryContext, bytes)
                                                  : repalloc_huge(held.list, bytes));
    held.capacity = capacity;
}

// TryLock takes all of the locks and returns true, or takes none and returns false.
bool TryLock(WorkClass work, const uint64* names, int count) {
    LWLock* const lock = WorkLock();
    LWLockAcquire(lock, LW_EXCLUSIVE);
    bool free = true;
    for (int i = 0; i < count && free; ++i) {
        const uint8 holder = locks->holders[LockOf(work, names[i])];
        free = holder == 0 || holder == self;
    }
    for (int i = 0; i < count && free; ++i) {
        const uint32 place = LockOf(work, names[i]);
        if (locks->holders[place] == self) continue;
        locks->holders[place] = self;
        held.list[held.count++] = place;
    }
    LWLockRelease(lock);
    return free;
}

void Release() {
    if (held.count == 0) return;
    LWLock* const lock = WorkLock();
    LWLockAcquire(lock, LW_EXCLUSIVE);
    for (int i = 0; i < held.count; ++i) locks->holders[held.list[i]] = 0;
    held.count = 0;
    LWLockRelease(lock);
    ConditionVariableBroadcast(&locks->released);
}

// After a commit PostgreSQL calls this when other sessions see the transaction's rows, so the next
// holder of a lock sees them, too.
void AtEndOfTransaction(XactEvent event, void*) noexcept {
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) Release();
}

}  // namespace

Size WorkLockBytes() { return MAXALIGN(sizeof(WorkLocks)); }

void StartWorkLocks() {
    bool found = false;
    locks = static_cast<WorkLocks*>(
        ShmemInitStruct("pganalytics work locks", sizeof(WorkLocks), &found));
    if (found) return;
    memset(static_cast<void*>(locks), 0, sizeof(WorkLocks));
    ConditionVariableInit(&locks->released);
}

void HoldWorkLocksAs(int worker) {
    self = static_cast<uint8>(worker + 1);
    RegisterXactCallback(AtEndOfTransaction, nullptr);
}

void LockWork(WorkClass work, const uint64* names, int count) {
    if (locks == nullptr || self == 0) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("this process has no work locks"));
    }
    MakeRoom(count);
    if (TryLock(work, names, count)) return;
    // The holder may wait for a lock itself. After a wait in vain the worker lowers lock_timeout
    // for a while, and waits here no longer either.
    const int64 longest_ms = Min(kLongestWaitMs, 2 * int64{LockTimeout});
    const core::Instant began = core::Instant::Now();
    ConditionVariablePrepareToSleep(&locks->released);
    while (!TryLock(work, names, count)) {
        const int64 left_ms = longest_ms - core::Instant::Now().MsSince(began);
        if (left_ms <= 0) {
            ConditionVariableCancelSleep();
            ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                    errmsg("another worker is storing a push of the same server"));
        }
        ConditionVariableTimedSleep(&locks->released, static_cast<long>(left_ms),
                                    PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
}

}  // namespace pganalytics::pg
