// Table locks: take the locks on the tables that pushes need, and remember which tables another
// session keeps locked. A worker waits for such a table once. After that it refuses what needs the
// table at once, until the table is free, and goes on with everything else.
#pragma once

#include "pg/store/metrics/push_job.hpp"

extern "C" {
#include "storage/lockdefs.h"
}

namespace pganalytics::pg {

// Users says what needs a table: every request of a collector, every push, every push with another
// metric than query statistics, or every push with one metric.
struct Users {
    enum class Kind : uint32 { kRequests, kPushes, kLabelled, kMetric } kind;
    protocol::MetricId metric;  // of kMetric
};
inline constexpr Users kRequests = {Users::Kind::kRequests, {}};
inline constexpr Users kPushes = {Users::Kind::kPushes, {}};
inline constexpr Users kLabelled = {Users::Kind::kLabelled, {}};
constexpr Users UsersOf(protocol::MetricId metric) { return {Users::Kind::kMetric, metric}; }

// LockTable locks a table until the transaction ends. If the lock is not granted within
// lock_timeout, it raises ERROR 55P03, and NoteLockedTable() can say which table it was.
// REQUIRES: a transaction.
void LockTable(Oid table, LOCKMODE mode, Users users);
// The same, for a table of our schema. ERROR 42P01 if there is no such table.
void LockTable(const char* table, LOCKMODE mode, Users users);

// NoteLockedTable returns the name of the table if an ERROR was a LockTable that waited in vain,
// else nullptr. The worker then knows the table, and trying again makes sense: FindLockedTable will
// find the table for what needs it. Call it after the transaction was aborted.
const char* NoteLockedTable(const ErrorData* error);

// FindLockedTable looks whether the known tables are still locked. It returns the name of one that
// `job` needs, or nullptr. A job of nullptr stands for a request that is no push. It never waits.
// REQUIRES: a transaction.
const char* FindLockedTable(const PushJob* job);

// LockedTableText makes, in `context`, what the sender of a refused request reads about a table
// that the two functions above have named.
const char* LockedTableText(const char* table, MemoryContext context);

// AnyLockedTables: the worker knows of a table that another session keeps locked.
bool AnyLockedTables();

}  // namespace pganalytics::pg
