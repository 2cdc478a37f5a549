// Audit worker: a loop of group commits. A record leaves the ring only after the commit that stored
// it. If the worker ends before that commit, the next audit worker stores the record.
#include "bgworker/chores/audit_worker.hpp"

#include "bgworker/chores/audit_group.hpp"
#include "bgworker/chores/audit_notes.hpp"
#include "bgworker/process/server_stop.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/audit/head.hpp"
#include "pg/base/guc.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "commands/async.h"
}

namespace pganalytics::bgworker {
namespace {

using protocol::AuditEvent;

// The shortest time between the starts of two loop iterations, so that events in quick succession
// share a commit.
constexpr long kPauseMs = 10;
constexpr long kTurnMs = 1000;
constexpr long kRetryMs = 1000;
constexpr long kLeavingTurnMs = 20;
constexpr int kAnchorPeriodMs = 60 * 1000;
constexpr int kChoresPeriodMs = 3600 * 1000;
// Drain stores at most this many groups at a time, so that the worker also does its other work.
constexpr int kMaxGroups = 16;

struct Worker {
    pg::WorkerStatus* status;
    MemoryContext context;  // reset before each transaction
    bool resumed;           // the end of the table was compared with the known end
    bool begun;             // Resume has succeeded once
    bool audit_on;          // the last value of pganalytics.audit that was recorded
    bool stopped;           // the last row is audit.stopped
    uint32 singly;          // store this many records one by one: one of them was refused
    bool all_counts;        // store also the counts that are not due yet: the log ends here
    int64 anchored_id;
    core::Timer anchor;
    core::Timer chores;
    AuditNotes notes;
    AuditGroup group;
};

// Commit runs fn(&head) in a transaction. `head` describes the last row of the log. It is a copy of
// the AuditHead in shared memory.
// If the transaction commits, Commit writes the changed copy back and returns nullptr with
// interrupts held, so that no interrupt comes before the caller's next steps. The caller must then
// resume interrupts.
// If the transaction fails, Commit returns the error, allocated in worker->context.
template <typename Fn>
ErrorData* Commit(Worker* worker, Fn&& fn) {
    MemoryContextReset(worker->context);
    MemoryContext const caller = MemoryContextSwitchTo(worker->context);
    pg::AuditHead head = pg::GetAuditHead();
    ErrorData* const error = pg::Transact([&] {
        fn(&head);
        HOLD_INTERRUPTS();
    });
    MemoryContextSwitchTo(caller);
    if (error == nullptr && OidIsValid(head.log)) pg::SetAuditHead(head);
    return error;
}

// The topics of troubles.
constexpr char kWriting[] = "write the audit log";
constexpr char kUnreadable[] = "store an event";
constexpr char kAnchoring[] = "publish the end of the audit log";
constexpr char kKeeping[] = "make and drop months";

// Call Failed after an error: it logs the error, a repeated one only once, and makes the worker
// check the end of the audit log again.
void Failed(Worker* worker, const char* topic, const ErrorData* error) {
    worker->resumed = false;
    pg::ReportTrouble(worker->status, topic, error->sqlerrcode, "could not write the audit log: %s",
                      error->message);
}

void CountRows(Worker* worker, uint32 rows) {
    pg::UpdateStatus(worker->status, [rows](pg::WorkerStatus* s) {
        s->Count(protocol::WorkerCounter::kCommits);
        s->Count(protocol::WorkerCounter::kRows, rows);
    });
}

// IsOfTheRecord: the content of a record may have caused the error, and not the table or the
// machine.
bool IsOfTheRecord(const ErrorData* error) {
    const int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
    return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
}

// Resume finds the row after which the log continues, and records any fault at the end of the log.
// In two cases it also records whether auditing is on: at the first success of Resume in this
// process, and if the log's table was created anew. It returns false if the transaction failed.
bool Resume(Worker* worker) {
    AuditNotes* const notes = &worker->notes;
    notes->count = 0;
    KnownEnd known = {pg::GetAuditHead(), true};
    const bool server_is_new = !OidIsValid(known.head.log);
    if (server_is_new) {
        known.exact = false;
        if (!pg::ReadAuditHeadFile(&known.head)) known.head = {};
    }
    const bool audit_on = pg::settings.audit;
    ErrorData* const error = Commit(worker, [=](pg::AuditHead* head) {
        const pg::AuditTail tail = pg::ReadAuditTail(known.head.id);
        *head = ContinueLog(tail, known, notes);
        if (!worker->begun || (known.exact && known.head.log != tail.last.log)) {
            const bool was_stopped = tail.last_event == "audit.stopped";
            worker->stopped = was_stopped;
            if (server_is_new && tail.last.id > 0 && !was_stopped) NoteCrash(tail, notes);
            if (audit_on) {
                AddNote(notes, AuditEvent::kAuditStarted, "");
            } else if (!was_stopped) {
                AddNote(notes, AuditEvent::kAuditStopped, "pganalytics.audit is off");
            }
        }
        StoreNotes(*notes, head);
    });
    if (error != nullptr) {
        Failed(worker, kWriting, error);
        return false;
    }
    // If the same log continues, FollowSwitch records a change of pganalytics.audit later.
    if (!worker->begun || known.head.log != pg::GetAuditHead().log) worker->audit_on = audit_on;
    worker->begun = true;
    worker->resumed = true;
    RESUME_INTERRUPTS();
    if (notes->count > 0) {
        worker->stopped = notes->list[notes->count - 1].event == AuditEvent::kAuditStopped;
        CountRows(worker, notes->count);
    }
    return true;
}

// LogExists: there is an audit log, or the check failed. If the table is a new one, it makes the
// worker check the end of the log again.
bool LogExists(Worker* worker) {
    Oid log = InvalidOid;
    ErrorData* const error = pg::Transact([&log] { log = pg::AuditLogOid(); });
    if (error != nullptr) {
        FreeErrorData(error);
        return true;
    }
    if (log != pg::GetAuditHead().log) worker->resumed = false;
    return OidIsValid(log);
}

ErrorData* Store(Worker* worker, const pg::AuditRecord* const* records, uint32 count) {
    return Commit(worker,
                  [=](pg::AuditHead* head) { pg::StoreAuditRecords(records, count, head); });
}

// StoreUnreadable stores those parts of a refused record that can be stored. `counted`: the count
// that the record stands for, or nullptr.
ErrorData* StoreUnreadable(Worker* worker, const pg::AuditRecord& record,
                           const pg::CountedAudit* counted, const ErrorData* why) {
    ereport(WARNING, errcode(why->sqlerrcode),
            errmsg("an event of the audit log could not be stored as it is: %s", why->message));
    pg::ShowTrouble(worker->status, kUnreadable, "%s", why->message);
    static pg::AuditRecord readable;
    UnreadableOf(record, &readable);
    if (counted != nullptr) pg::AddAuditCount(&readable, *counted);
    const pg::AuditRecord* const records[] = {&readable};
    return Store(worker, records, 1);
}

// Drain stores the counts that are due and the records of the ring, at most kMaxGroups groups of
// them. It returns false if that failed. What was not stored then stays where it is.
bool Drain(Worker* worker) {
    for (int number = 0; number < kMaxGroups; ++number) {
        if (!worker->resumed && !Resume(worker)) return false;
        AuditGroup* const group = &worker->group;
        GatherAuditGroup(group, worker->singly > 0 ? 1 : AuditGroup::kMaxRinged,
                         worker->all_counts);
        const uint32 events = group->size;
        TimestampTz since = 0;
        const uint64 lost = pg::LostAuditRecords(&since);
        if (events == 0 && lost == 0) return true;
        uint32 rows = events;
        if (lost > 0) {
            worker->notes.count = 0;
            NoteLost(lost, since, &worker->notes);
            group->records[rows++] = &worker->notes.list[0];
        }
        ErrorData* error = Store(worker, group->records, rows);
        if (error != nullptr && IsOfTheRecord(error) && events > 0) {
            if (rows > 1 && worker->singly == 0) {
                worker->singly = events;
                worker->resumed = false;
                continue;
            }
            rows = 1;
            error = StoreUnreadable(worker, *group->records[0], group->counted[0], error);
            if (error == nullptr) {
                ForgetAuditGroup(*group, 1);
                RESUME_INTERRUPTS();
            }
        } else if (error == nullptr) {
            ForgetAuditGroup(*group, events);
            if (lost > 0) pg::ForgetLostAuditRecords(lost);
            RESUME_INTERRUPTS();
        }
        if (error != nullptr) {
            Failed(worker, kWriting, error);
            return false;
        }
        worker->singly -= Min(worker->singly, events);
        worker->stopped = false;
        CountRows(worker, rows);
        if (worker->singly == 0) pg::EndTrouble(worker->status, kUnreadable);
    }
    return true;
}

// Say records one event about the audit log itself. It returns false if that failed.
bool Say(Worker* worker, AuditEvent event, const char* reason) {
    worker->notes.count = 0;
    AddNote(&worker->notes, event, reason);
    ErrorData* const error =
        Commit(worker, [worker](pg::AuditHead* head) { StoreNotes(worker->notes, head); });
    if (error != nullptr) {
        Failed(worker, kWriting, error);
        return false;
    }
    RESUME_INTERRUPTS();
    worker->stopped = event == AuditEvent::kAuditStopped;
    CountRows(worker, 1);
    return true;
}

// FollowSwitch records a change of pganalytics.audit. It returns false if that failed.
bool FollowSwitch(Worker* worker) {
    if (worker->audit_on == pg::settings.audit) return true;
    // What was counted comes before the end of the log.
    worker->all_counts = !pg::settings.audit;
    const bool drained = Drain(worker);
    worker->all_counts = false;
    if (!drained) return false;
    const bool said = pg::settings.audit
                          ? Say(worker, AuditEvent::kAuditStarted, "pganalytics.audit is on")
                          : Say(worker, AuditEvent::kAuditStopped, "pganalytics.audit is off");
    if (said) worker->audit_on = pg::settings.audit;
    return said;
}

// Anchor publishes the end of the log (server log, file, NOTIFY) for people who keep a copy of it
// elsewhere.
void Anchor(Worker* worker) {
    worker->anchor.Start(Now(), kAnchorPeriodMs);
    const pg::AuditHead head = pg::GetAuditHead();
    if (!OidIsValid(head.log) || head.id == worker->anchored_id) return;
    worker->anchored_id = head.id;
    const pg::AuditAnchor anchor = pg::AnchorOf(head);
    ereport(LOG, errmsg("audit log head: %s", anchor.text));
    pg::WriteAuditHeadFile(head);
    if (pg::settings.audit_anchor_channel[0] == '\0') return;
    ErrorData* const error =
        pg::Transact([&anchor] { Async_Notify(pg::settings.audit_anchor_channel, anchor.text); });
    if (error == nullptr) return pg::EndTrouble(worker->status, kAnchoring);
    Failed(worker, kAnchoring, error);
    FreeErrorData(error);
}

// DropMonth drops an expired month and records that in the same transaction. It returns false if no
// month has expired or if the drop failed.
bool DropMonth(Worker* worker) {
    bool dropped = false;
    ErrorData* const error = Commit(worker, [worker, &dropped](pg::AuditHead* head) {
        pg::ExpiredAuditMonth month;
        dropped = pg::DropExpiredAuditMonth(&month);
        if (!dropped) return;
        worker->notes.count = 0;
        pg::AuditRecord* const note = AddNote(&worker->notes, AuditEvent::kAuditExpired, "");
        pg::AddAuditDetail(note, "month", month.month);
        if (month.last_id > 0) {
            pg::AddAuditDetail(note, "first_id", month.first_id);
            pg::AddAuditDetail(note, "last_id", month.last_id);
            pg::AddAuditDetail(note, "last_hash", month.last_hash);
        }
        StoreNotes(worker->notes, head);
    });
    if (error != nullptr) {
        Failed(worker, kKeeping, error);
        return false;
    }
    RESUME_INTERRUPTS();
    if (!dropped) return false;
    worker->stopped = false;
    CountRows(worker, 1);
    return true;
}

// DoChores makes the partitions of the next months and drops the months whose retention has passed.
void DoChores(Worker* worker) {
    worker->chores.Start(Now(), kChoresPeriodMs);
    ErrorData* const error = Commit(worker, [](pg::AuditHead*) { pg::MakeAuditMonths(); });
    if (error == nullptr) {
        RESUME_INTERRUPTS();
    } else {
        Failed(worker, kKeeping, error);
    }
    while (ClockIsSteady() && DropMonth(worker)) HandleInterrupts();
    // Failed has cleared `resumed`. After a failure, for example because a month is in use, retry
    // in a minute.
    if (worker->resumed) {
        pg::EndTrouble(worker->status, kKeeping);
    } else {
        worker->chores.Start(Now(), kAnchorPeriodMs);
    }
}

// Leave empties the ring and records the stop. If the server stops, Leave first waits until no
// process is left that could put records into the ring. If only this worker stops, the next audit
// worker stores the records that come later.
void Leave(Worker* worker) {
    const bool last_word = ServerIsStopping();
    while (last_word && OthersAreThere()) {
        Drain(worker);
        pg::WaitForAuditRecords(kLeavingTurnMs);
        HandleInterrupts();
    }
    worker->all_counts = true;
    do {
        if (!Drain(worker)) return;
    } while (pg::PeekAuditRecord(0) != nullptr);
    if (!worker->stopped) {
        (void)Say(worker, AuditEvent::kAuditStopped,
                  last_word ? "the server stops" : "the audit worker was told to stop");
    }
    Anchor(worker);
}

}  // namespace

void RunAuditWorker() {
    static Worker worker;
    worker.status = Begin(pg::WorkerKind::kAudit, 0);
    pg::ConnectToDatabase();
    // With this setting a commit flushes the records to the local disk before they leave the ring,
    // but does not wait for a standby. If it waited, the ring would fill up while a synchronous
    // standby is away.
    SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
    if (!AwaitExtension(worker.status, pg::kAuditRole)) return;
    worker.context =
        AllocSetContextCreate(TopMemoryContext, "pganalytics audit", ALLOCSET_DEFAULT_SIZES);
    pg::AttachAuditDrain();
    core::Timer look;
    look.Start(ReadClock(), kTurnMs);
    while (!Stopping()) {
        const core::Instant began_at = ReadClock();
        const bool stored = Drain(&worker) && FollowSwitch(&worker);
        // Not before the first attempt, because the ring may have filled up until now.
        pg::BeginAuditRingService();
        if (!stored || look.IsDue(began_at)) {
            if (!LogExists(&worker)) {
                pg::EndAuditRingService();
                return;
            }
            if (!MayServe()) return;
            look.Start(began_at, kTurnMs);
        }
        if (stored) {
            pg::EndTrouble(worker.status, kWriting);
            if (worker.status->state == pg::WorkerState::kStarting ||
                worker.status->state == pg::WorkerState::kWaiting) {
                pg::SetState(worker.status, pg::WorkerState::kRunning);
                Report("waiting for events");
            }
            if (worker.chores.IsDue(began_at)) DoChores(&worker);
            if (worker.anchor.IsDue(began_at)) Anchor(&worker);
            const int64 spent_ms = ReadClock().MsSince(began_at);
            if (spent_ms < kPauseMs) Sleep(kPauseMs - spent_ms);
            pg::WaitForAuditRecords(kTurnMs);
        } else {
            Sleep(kRetryMs);
        }
        // If the clock was set, rows go into other months, whose partitions must exist.
        const bool moved = TakeClockMove() != 0;
        if (HandleInterrupts() || moved) worker.chores.Expire();
    }
    Leave(&worker);
}

}  // namespace pganalytics::bgworker
