// Work locks: locks that the ingest workers take among themselves, in shared memory. PostgreSQL's
// advisory locks will not do: any role may take them, whatever its privileges, and so make pushes
// wait or fill the table of locks.
#pragma once

#include <cstdint>

#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

// WorkClass says what a lock protects. A worker takes the locks of one transaction in the order of
// the classes. The locks of one class are taken all at once, so workers cannot deadlock.
enum class WorkClass : uint32 { kPushKey, kLog, kExtensions, kSchemaObjects };

// WorkLockBytes returns the size of the locks in shared memory. StartWorkLocks makes the locks or
// attaches to them. The hooks in shmem.cpp call both.
Size WorkLockBytes();
void StartWorkLocks();

// LockWork takes `count` locks, whose names are 64-bit hashes, and holds them until the transaction
// ends. Two names may share a lock; then they wait for each other. A lock that the transaction has
// already is no obstacle. ERROR 55P03 after half a second. ERROR 55000 without shared memory.
// REQUIRES: a transaction, in an ingest worker.
void LockWork(WorkClass work, const uint64* names, int count);

// HoldWorkLocksAs sets the number of this worker: 0 to kMaxIngestWorkers - 1. Call it once, before
// the first LockWork.
void HoldWorkLocksAs(int worker);

}  // namespace pganalytics::pg
