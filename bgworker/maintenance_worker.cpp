// Maintenance worker: a loop over SQL functions that do the work.
#include "bgworker/maintenance_worker.hpp"

#include "bgworker/worker.hpp"
#include "pg/session.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr long kPeriodMs = 3600 * 1000;
constexpr long kRetryMs = 60 * 1000;

enum class Outcome { kDone, kFailed, kExtensionGone };

void Run(const char* sql) {
    if (SPI_execute(sql, false, 0) != SPI_OK_SELECT) elog(ERROR, "could not run \"%s\"", sql);
}

Outcome Failed(pg::WorkerStatus* status, ErrorData* error) {
    ereport(WARNING, errcode(error->sqlerrcode),
            errmsg("pganalytics maintenance failed: %s", error->message));
    pg::SetError(status, error->message);
    FreeErrorData(error);
    return Outcome::kFailed;
}

Outcome MakePartitions(pg::WorkerStatus* status, bool due) {
    bool exists = false;
    ErrorData* const error = pg::Transact([&exists, due] {
        exists = OidIsValid(pg::ExtensionOid());
        if (exists && due) Run("SELECT pganalytics.make_partitions()");
    });
    if (error != nullptr) return Failed(status, error);
    return exists ? Outcome::kDone : Outcome::kExtensionGone;
}

struct Partition {
    Oid oid;
    const char* name;
};

struct Partitions {
    Partition* list;
    uint64 count;
};

// Expired fills `out` with what has to go, in memory of `context`. ERROR as the query raises it.
void Expired(MemoryContext context, Partitions* out) {
    Run("SELECT p, p::pg_catalog.text FROM pganalytics.expired_partitions() AS p");
    out->list =
        static_cast<Partition*>(MemoryContextAllocHuge(context, sizeof(Partition) * SPI_processed));
    out->count = SPI_processed;
    for (uint64 row = 0; row < SPI_processed; ++row) {
        HeapTuple const tuple = SPI_tuptable->vals[row];
        bool is_null = false;
        out->list[row] = {
            DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &is_null)),
            MemoryContextStrdup(context, SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2))};
    }
}

// Drop says whether the partition was there to be dropped. ERROR 55P03 when somebody uses it.
bool Drop(Oid partition) {
    Oid types[] = {REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(partition)};
    if (SPI_execute_with_args("SELECT pganalytics.drop_expired_partition($1)", 1, types, values,
                              nullptr, false, 0) != SPI_OK_SELECT) {
        elog(ERROR, "could not call pganalytics.drop_expired_partition()");
    }
    bool is_null = false;
    return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

// ApplyRetention drops the partitions whose retention has passed, each in a transaction of its own:
// pushes wait for one of them at most. What somebody uses stays until the next time.
Outcome ApplyRetention(pg::WorkerStatus* status, MemoryContext context) {
    Partitions expired = {};
    ErrorData* error = pg::Transact([context, &expired] { Expired(context, &expired); });
    if (error != nullptr) return Failed(status, error);
    int dropped = 0;
    for (uint64 i = 0; i < expired.count && !Stopping(); ++i) {
        bool was_there = false;
        const Oid partition = expired.list[i].oid;
        error = pg::Transact([partition, &was_there] { was_there = Drop(partition); });
        if (error == nullptr) {
            if (was_there) ++dropped;
        } else {
            ereport(WARNING, errcode(error->sqlerrcode),
                    errmsg("could not drop expired partition %s: %s", expired.list[i].name,
                           error->message),
                    errhint("It will be tried again in an hour."));
            pg::SetError(status, error->message);
            FreeErrorData(error);
        }
        CHECK_FOR_INTERRUPTS();
    }
    if (dropped > 0) {
        ereport(LOG, errmsg("dropped %d partitions whose retention had passed", dropped));
    }
    return Outcome::kDone;
}

Outcome Maintain(pg::WorkerStatus* status, bool due, MemoryContext context) {
    if (due) pgstat_report_activity(STATE_RUNNING, "making partitions");
    const Outcome made = MakePartitions(status, due);
    if (made == Outcome::kExtensionGone || !due) return made;
    pgstat_report_activity(STATE_RUNNING, "dropping expired partitions");
    const Outcome dropped = ApplyRetention(status, context);
    MemoryContextReset(context);
    return made == Outcome::kFailed ? made : dropped;
}

}  // namespace

void RunMaintenanceWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kMaintenance, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status)) return;
    pg::SetState(status, pg::WorkerState::kRunning);
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics maintenance", ALLOCSET_DEFAULT_SIZES);
    TimestampTz due_at = 0;
    while (!Stopping()) {
        const TimestampTz now = GetCurrentTimestamp();
        const bool due = now >= due_at;
        const Outcome outcome = Maintain(status, due, context);
        if (outcome == Outcome::kExtensionGone) return;
        if (due) {
            due_at =
                TimestampTzPlusMilliseconds(now, outcome == Outcome::kDone ? kPeriodMs : kRetryMs);
            Report("waiting for the next hour");
            pgstat_report_stat(true);
        }
        Sleep(kTurnMs);
        // A new retention holds from now on.
        if (HandleInterrupts()) due_at = 0;
    }
}

}  // namespace pganalytics::bgworker
