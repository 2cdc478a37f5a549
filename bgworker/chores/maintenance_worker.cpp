// Maintenance worker: a loop over SQL functions that do the work.
#include "bgworker/chores/maintenance_worker.hpp"

#include "bgworker/chores/authority.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr long kPeriodMs = 3600 * 1000;
constexpr long kRetryMs = 60 * 1000;
constexpr long kExpiryMs = 5 * 1000;

// kAgain: somebody holds locks, and is let go on before the rest is tried.
enum class Outcome { kDone, kAgain, kFailed, kExtensionGone };

// Note says in the log and in pganalytics.workers what could not be done, and frees the error. That
// the extension was dropped meanwhile is no failure.
Outcome Note(pg::WorkerStatus* status, ErrorData* error, const char* what, const char* name) {
    if (!ExtensionExists()) {
        FreeErrorData(error);
        return Outcome::kExtensionGone;
    }
    ereport(WARNING, errcode(error->sqlerrcode),
            errmsg("could not %s %s: %s", what, name, error->message));
    pg::ShowTrouble(status, "%s", error->message);
    FreeErrorData(error);
    return Outcome::kFailed;
}

struct Names {
    const char** list;
    uint64 count;
};

// Read fills `out` with the names that a query gives, in memory of `context`. ERROR as it raises
// it.
void Read(const char* sql, MemoryContext context, Names* out) {
    if (SPI_execute(sql, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not run \"%s\"", sql);
    out->count = SPI_processed;
    out->list = static_cast<const char**>(
        MemoryContextAllocHuge(context, sizeof(const char*) * SPI_processed));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        out->list[row] = MemoryContextStrdup(
            context, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
    }
}

// Call runs a statement about a name and gives its boolean. ERROR as it raises it.
bool Call(const char* sql, const char* name) {
    Oid types[] = {TEXTOID};
    Datum values[] = {CStringGetTextDatum(name)};
    if (SPI_execute_with_args(sql, 1, types, values, nullptr, false, 0) != SPI_OK_SELECT) {
        elog(ERROR, "could not run \"%s\"", sql);
    }
    bool is_null = false;
    return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

// MakePartitions makes the days ahead, one relation in a transaction: a push that needs one of
// them waits for no more. After a lock that was not to be had it goes on a turn later: DROP
// EXTENSION would otherwise meet this worker at every relation.
Outcome MakePartitions(pg::WorkerStatus* status, MemoryContext context) {
    Names relations = {};
    ErrorData* error = pg::Transact([context, &relations] {
        Read("SELECT relation FROM pganalytics.partitioned_relations()", context, &relations);
    });
    if (error != nullptr) return Note(status, error, "list", "the tables kept by day");
    static uint64 next = 0;
    static bool failed = false;
    for (uint64 i = next; i < relations.count && !Stopping(); ++i) {
        const char* const relation = relations.list[i];
        error = pg::Transact(
            [relation] { Call("SELECT pganalytics.make_partitions(3, $1) >= 0", relation); });
        CHECK_FOR_INTERRUPTS();
        if (error == nullptr) continue;
        const bool locked = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
        const Outcome outcome = Note(status, error, "make partitions of", relation);
        if (outcome == Outcome::kExtensionGone) return outcome;
        failed = true;
        if (locked) {
            next = i + 1;
            return Outcome::kAgain;
        }
    }
    const Outcome outcome = failed ? Outcome::kFailed : Outcome::kDone;
    next = 0;
    failed = false;
    return outcome;
}

// ApplyRetention drops the partitions whose retention has passed, each in a transaction of its own:
// pushes wait for one of them at most. What somebody uses stays until the next time.
Outcome ApplyRetention(pg::WorkerStatus* status, MemoryContext context) {
    Names expired = {};
    ErrorData* error = pg::Transact([context, &expired] {
        Read("SELECT p::pg_catalog.text FROM pganalytics.expired_partitions() AS p", context,
             &expired);
    });
    if (error != nullptr) return Note(status, error, "list", "the expired partitions");
    int dropped = 0;
    for (uint64 i = 0; i < expired.count && !Stopping(); ++i) {
        const char* const partition = expired.list[i];
        bool was_there = false;
        error = pg::Transact([partition, &was_there] {
            was_there = Call(
                "SELECT pganalytics.drop_expired_partition(pg_catalog.to_regclass($1))", partition);
        });
        if (error != nullptr) {
            Note(status, error, "drop expired partition", partition);
        } else if (was_there) {
            ++dropped;
        }
        CHECK_FOR_INTERRUPTS();
    }
    if (dropped > 0) {
        ereport(LOG, errmsg("dropped %d partitions whose retention had passed", dropped));
    }
    return Outcome::kDone;
}

Outcome Maintain(pg::WorkerStatus* status, bool due, MemoryContext context) {
    bool exists = false;
    ErrorData* const error = pg::Transact([&exists] { exists = OidIsValid(pg::ExtensionOid()); });
    if (error != nullptr) return Note(status, error, "find", "the extension");
    if (!exists) return Outcome::kExtensionGone;
    if (!due) return Outcome::kDone;
    pgstat_report_activity(STATE_RUNNING, "making partitions");
    const Outcome made = MakePartitions(status, context);
    if (made == Outcome::kExtensionGone || made == Outcome::kAgain) return made;
    pgstat_report_activity(STATE_RUNNING, "dropping expired partitions");
    const Outcome dropped = ApplyRetention(status, context);
    MemoryContextReset(context);
    return made == Outcome::kFailed ? made : dropped;
}

// NoteExpired tells the audit log of certificates that have come to their end.
void NoteExpired(pg::WorkerStatus* status) {
    static TimestampTz next = 0;
    const TimestampTz now = GetCurrentTimestamp();
    // A clock that was set back must not put it off.
    if (now < next && next < TimestampTzPlusMilliseconds(now, 2 * kExpiryMs)) return;
    next = TimestampTzPlusMilliseconds(now, kExpiryMs);
    ErrorData* const error = pg::Transact([] {
        if (SPI_execute("SELECT pganalytics.note_expired_certificates()", false, 0) !=
            SPI_OK_SELECT) {
            elog(ERROR, "could not run note_expired_certificates()");
        }
    });
    if (error != nullptr) Note(status, error, "note", "expired certificates");
}

}  // namespace

void RunMaintenanceWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kMaintenance, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status, pg::kMaintenanceRole)) return;
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics maintenance", ALLOCSET_DEFAULT_SIZES);
    // First: gateways wait for its files. That something failed is no reason to leave the rest
    // undone.
    pg::SetState(status, pg::WorkerState::kStarting);
    TendAuthority(status, context, false);
    TimestampTz due_at = 0;
    while (!Stopping()) {
        const TimestampTz now = GetCurrentTimestamp();
        const bool due = now >= due_at;
        const Outcome outcome = Maintain(status, due, context);
        if (outcome == Outcome::kExtensionGone) return;
        if (status->state == pg::WorkerState::kStarting) {
            pg::SetState(status, pg::WorkerState::kRunning);
        }
        if (due) {
            const long wait_ms = outcome == Outcome::kDone    ? kPeriodMs
                                 : outcome == Outcome::kAgain ? kTurnMs
                                                              : kRetryMs;
            due_at = TimestampTzPlusMilliseconds(now, wait_ms);
            Report("waiting for the next hour");
            pgstat_report_stat(true);
        }
        Sleep(kTurnMs);
        // A new retention holds from now on.
        const bool reloaded = HandleInterrupts();
        if (reloaded) due_at = 0;
        TendAuthority(status, context, reloaded);
        NoteExpired(status);
    }
}

}  // namespace pganalytics::bgworker
