// Maintenance worker: a loop over SQL functions that do the work.
#include "bgworker/chores/maintenance_worker.hpp"

#include "bgworker/chores/authority.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"
#include "pg/identity/authority_records.hpp"
#include "pg/store/chores.hpp"

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr long kPeriodMs = 3600 * 1000;
constexpr long kRetryMs = 60 * 1000;
constexpr long kExpiryMs = 5 * 1000;
// While rows of a forgotten server are left, the worker removes some for kForgetMs and rests for
// kForgetRestMs, so that pushes and the authority's jobs get their share of disk and worker.
constexpr long kForgetMs = 200;
constexpr long kForgetRestMs = 100;

// What the worker does, each the topic of a trouble.
constexpr char kListTables[] = "list";
constexpr char kMakePartitions[] = "make partitions of";
constexpr char kListExpired[] = "find";
constexpr char kDropPartition[] = "drop expired partition";
constexpr char kNoteExpired[] = "note";
constexpr char kForget[] = "remove";

// kAgain: another session holds a lock, so the rest must be done in a later loop iteration.
// kExtensionGone: the worker must exit; see MayServe.
enum class Outcome { kDone, kAgain, kFailed, kExtensionGone };

// Note shows in pganalytics.workers what could not be done, logs it if it is news, and frees the
// error. If the extension was dropped meanwhile, Note only frees the error and returns
// kExtensionGone. `what` is the topic of the trouble.
Outcome Note(pg::WorkerStatus* status, ErrorData* error, const char* what, const char* name) {
    if (!ExtensionExists()) {
        FreeErrorData(error);
        return Outcome::kExtensionGone;
    }
    pg::ReportTrouble(status, what, error->sqlerrcode, "could not %s %s: %s", what, name,
                      error->message);
    FreeErrorData(error);
    return Outcome::kFailed;
}

// MakePartitions makes the partitions of the next days. Each relation has a transaction of its own,
// so that a push waits for one relation at most. If MakePartitions cannot get a lock, it returns
// kAgain, and its next call goes on with the next relation. If it went on at once, this worker
// would conflict with a DROP EXTENSION at every relation.
Outcome MakePartitions(pg::WorkerStatus* status, MemoryContext context) {
    pg::RelationNames relations = {};
    ErrorData* error =
        pg::Transact([context, &relations] { relations = pg::ListPartitionedRelations(context); });
    if (error != nullptr) return Note(status, error, kListTables, "the tables kept by day");
    pg::EndTrouble(status, kListTables);
    static uint64 next = 0;
    static bool failed = false;
    for (uint64 i = next; i < relations.count && !Stopping(); ++i) {
        const char* const relation = relations.list[i];
        error = pg::Transact([relation] { pg::MakePartitionsAhead(relation); });
        CHECK_FOR_INTERRUPTS();
        if (error == nullptr) continue;
        const bool locked = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
        const Outcome outcome = Note(status, error, kMakePartitions, relation);
        if (outcome == Outcome::kExtensionGone) return outcome;
        failed = true;
        if (locked) {
            next = i + 1;
            return Outcome::kAgain;
        }
    }
    const Outcome outcome = failed ? Outcome::kFailed : Outcome::kDone;
    if (!failed) pg::EndTrouble(status, kMakePartitions);
    next = 0;
    failed = false;
    return outcome;
}

// ApplyRetention drops the partitions whose retention has passed. Each partition has a transaction
// of its own, so that pushes wait for one of them at most. A partition in use stays until the next
// run.
Outcome ApplyRetention(pg::WorkerStatus* status, MemoryContext context) {
    pg::RelationNames expired = {};
    ErrorData* error =
        pg::Transact([context, &expired] { expired = pg::ListExpiredPartitions(context); });
    if (error != nullptr) return Note(status, error, kListExpired, "the expired partitions");
    pg::EndTrouble(status, kListExpired);
    int dropped = 0;
    bool failed = false;
    for (uint64 i = 0; i < expired.count && !Stopping(); ++i) {
        const char* const partition = expired.list[i];
        bool was_there = false;
        error = pg::Transact(
            [partition, &was_there] { was_there = pg::DropExpiredPartition(partition); });
        if (error != nullptr) {
            Note(status, error, kDropPartition, partition);
            failed = true;
        } else if (was_there) {
            ++dropped;
        }
        CHECK_FOR_INTERRUPTS();
    }
    if (!failed) pg::EndTrouble(status, kDropPartition);
    if (dropped > 0) {
        ereport(LOG, errmsg_plural("dropped %d partition whose retention had passed",
                                   "dropped %d partitions whose retention had passed",
                                   static_cast<unsigned long>(dropped), dropped));
    }
    return Outcome::kDone;
}

Outcome Maintain(pg::WorkerStatus* status, bool due, MemoryContext context) {
    if (!MayServe()) return Outcome::kExtensionGone;
    if (!due) return Outcome::kDone;
    pgstat_report_activity(STATE_RUNNING, "making partitions");
    const Outcome made = MakePartitions(status, context);
    if (made == Outcome::kExtensionGone || made == Outcome::kAgain) return made;
    if (!ClockIsSteady()) return made;
    pgstat_report_activity(STATE_RUNNING, "dropping expired partitions");
    const Outcome dropped = ApplyRetention(status, context);
    MemoryContextReset(context);
    return made == Outcome::kFailed ? made : dropped;
}

// NoteExpired records in the audit log which certificates have expired. It waits until the clock is
// known to be right, because each certificate is recorded once, and that cannot be undone.
void NoteExpired(pg::WorkerStatus* status) {
    static core::Timer next;
    if (!next.IsDue(Now()) || !ClockIsSteady()) return;
    next.Start(Now(), kExpiryMs);
    ErrorData* const error = pg::Transact([] { pg::NoteExpiredCertificates(); });
    if (error != nullptr) {
        Note(status, error, kNoteExpired, "expired certificates");
    } else {
        pg::EndTrouble(status, kNoteExpired);
    }
}

// ForgetRemoved removes rows of what was forgotten, a bounded number in each transaction. Returns
// true if there is more to do at once. If a push or somebody else holds a lock, the next turn tries
// again; that is only shown.
bool ForgetRemoved(pg::WorkerStatus* status) {
    static core::Backoff backoff(kTurnMs, kRetryMs);
    if (!backoff.MayTry(Now())) return false;
    core::Timer share;
    share.Start(core::Instant::Now(), kForgetMs);
    bool more = true;
    while (more && !Stopping() && !share.IsDue(core::Instant::Now())) {
        ErrorData* const error = pg::Transact([&more] { more = pg::ForgetStep(); });
        CHECK_FOR_INTERRUPTS();
        if (error == nullptr) {
            backoff.Reset();
            pg::EndTrouble(status, kForget);
            continue;
        }
        if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE) {
            pg::ShowTrouble(status, kForget, "could not %s what was forgotten yet: %s", kForget,
                            error->message);
            FreeErrorData(error);
        } else {
            Note(status, error, kForget, "what was forgotten");
            backoff.Fail(Now());
        }
        return false;
    }
    return more;
}

}  // namespace

void RunMaintenanceWorker() {
    pg::WorkerStatus* const status = Begin(pg::WorkerKind::kMaintenance, 0);
    pg::ConnectToDatabase();
    if (!AwaitExtension(status, pg::kMaintenanceRole)) return;
    MemoryContext const context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics maintenance", ALLOCSET_DEFAULT_SIZES);
    // Tend the authority first, because gateways wait for its files. If that fails, continue with
    // the rest.
    pg::SetState(status, pg::WorkerState::kStarting);
    TendAuthority(status, context, false);
    core::Timer next;
    while (!Stopping()) {
        const bool due = next.IsDue(Now());
        const Outcome outcome = Maintain(status, due, context);
        if (outcome == Outcome::kExtensionGone) return;
        if (status->state == pg::WorkerState::kStarting) {
            pg::SetState(status, pg::WorkerState::kRunning);
        }
        if (due) {
            const long wait_ms = outcome == Outcome::kDone    ? kPeriodMs
                                 : outcome == Outcome::kAgain ? kTurnMs
                                                              : kRetryMs;
            next.Start(Now(), wait_ms);
            Report("waiting for the next hour");
            pgstat_report_stat(true);
        }
        Sleep(ForgetRemoved(status) ? kForgetRestMs : kTurnMs);
        // A reload may have changed the retention: apply it now. If the clock was set, other days
        // need partitions and other certificates have expired.
        const bool reloaded = HandleInterrupts();
        const bool at_once = TakeClockMove() != 0 || reloaded;
        if (at_once) next.Expire();
        TendAuthority(status, context, at_once);
        NoteExpired(status);
    }
}

}  // namespace pganalytics::bgworker
