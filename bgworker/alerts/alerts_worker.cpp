// Alerts worker: a loop of short transactions. A rule that is slow or broken costs itself alone: it
// is evaluated in one transaction that reads, and what it has found is recorded in another.
#include "bgworker/alerts/alerts_worker.hpp"

#include "bgworker/alerts/courier.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/alerts/evaluations.hpp"
#include "pg/base/session.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "libpq/pqsignal.h"
#include "storage/lock.h"
#include "utils/timeout.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr int64 kSamplePeriodMs = 60 * 1000;
constexpr int64 kPrunePeriodMs = 3600 * 1000;
// So many rows are removed in one transaction.
constexpr int kPruneAtOnce = 10000;

// A query runs that nobody is to wait for at a shutdown.
volatile sig_atomic_t evaluating = 0;

struct Worker {
    pg::WorkerStatus* status;
    MemoryContext turn;        // what the turn has read
    MemoryContext evaluation;  // of one rule
    TimestampTz next_rule_at;
    bool failed;  // something in this turn; it is not tried again at once
    core::Timer sample;
    core::Timer prune;
    int64 moved_ms;  // the clock was set by so much, and what is due in the tables is not moved yet
};

void OnTerminate(int signal) {
    if (evaluating != 0) {
        QueryCancelPending = true;
        InterruptPending = true;
    }
    SignalHandlerForShutdownRequest(signal);
}

// Failed says what could not be done, in the log once, and frees the error. That the extension was
// dropped meanwhile is found out in the next turn.
void Failed(Worker* worker, ErrorData* error, const char* what) {
    if (ExtensionExists()) {
        pg::ReportTrouble(worker->status, error->sqlerrcode, "could not %s: %s", what,
                          error->message);
    }
    FreeErrorData(error);
    worker->failed = true;
}

// Run runs fn() in a transaction. False if it failed.
template <typename Fn>
bool Run(Worker* worker, const char* what, Fn&& fn) {
    ErrorData* const error = pg::Transact(fn);
    if (error != nullptr) Failed(worker, error, what);
    return error == nullptr;
}

// FollowClock moves what is due in the tables with the clock: a retry that was due in five seconds
// is due in five seconds. False if it could not; it is tried again.
bool FollowClock(Worker* worker) {
    worker->moved_ms += TakeClockMove();
    if (worker->moved_ms == 0) return true;
    const bool moved = Run(worker, "move what is due with the clock",
                           [worker] { pg::MoveDueTimes(GetCurrentTimestamp(), worker->moved_ms); });
    if (moved) worker->moved_ms = 0;
    return moved;
}

pg::RuleNames ListDueRules(Worker* worker) {
    pg::RuleNames rules = {};
    MemoryContextReset(worker->turn);
    Run(worker, "list the rules that are due",
        [&] { rules = pg::ListDueRules(GetCurrentTimestamp(), worker->turn); });
    return rules;
}

// FindRule reads a rule that is still due: those before it may have taken a while. False if it is
// not, or could not be read.
bool FindRule(Worker* worker, const char* name, TimestampTz at, pg::DueRule* rule) {
    bool found = false;
    const bool read = Run(worker, "read a rule",
                          [&] { found = pg::FindDueRule(name, at, worker->evaluation, rule); });
    return read && found;
}

// Look runs the rule's query within its time. The error is in memory of the evaluation.
ErrorData* Look(Worker* worker, const pg::DueRule& rule, TimestampTz at, pg::Findings* findings,
                double* duration_ms) {
    const core::Instant began = core::Instant::Now();
    MemoryContext const caller = MemoryContextSwitchTo(worker->evaluation);
    evaluating = 1;
    enable_timeout_after(STATEMENT_TIMEOUT, rule.limit_ms);
    ErrorData* const error =
        pg::Transact([&] { *findings = pg::RunRule(rule.query, at, worker->evaluation); });
    disable_timeout(STATEMENT_TIMEOUT, false);
    evaluating = 0;
    // It may have been set behind the last place that looks; the next statement is not to be
    // canceled.
    QueryCancelPending = false;
    // A lock of that kind outlives transactions. Nothing here takes one on purpose.
    LockReleaseAll(USER_LOCKMETHOD, true);
    *duration_ms = static_cast<double>(core::Instant::Now().ns() - began.ns()) / 1e6;
    if (error != nullptr && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
        *duration_ms >= rule.limit_ms) {
        error->message = psprintf("the rule took longer than its time_limit, %d ms", rule.limit_ms);
    }
    MemoryContextSwitchTo(caller);
    return error;
}

// Record stores the findings, or the error if there is one.
ErrorData* Record(Worker* worker, const pg::DueRule& rule, TimestampTz at,
                  const pg::Findings& findings, const char* failure, double duration_ms) {
    MemoryContext const caller = MemoryContextSwitchTo(worker->evaluation);
    ErrorData* const error =
        pg::Transact([&] { pg::RecordEvaluation(rule, at, findings, failure, duration_ms); });
    MemoryContextSwitchTo(caller);
    return error;
}

void Evaluate(Worker* worker, const char* name) {
    MemoryContextReset(worker->evaluation);
    const TimestampTz at = GetCurrentTimestamp();
    pg::DueRule rule = {};
    if (!FindRule(worker, name, at, &rule)) return;
    pgstat_report_activity(STATE_RUNNING, rule.name);
    pg::Findings findings = {};
    double duration_ms = 0;
    ErrorData* error = Look(worker, rule, at, &findings, &duration_ms);
    // What was cut short for a shutdown says nothing about the rule.
    if (error != nullptr && Stopping()) return;
    const char* failure = error == nullptr ? nullptr : error->message;
    error = Record(worker, rule, at, findings, failure, duration_ms);
    if (error != nullptr) {
        // Of what the rule has found something cannot be stored: then that is what is wrong with
        // it.
        failure = error->message;
        error = Record(worker, rule, at, {}, failure, duration_ms);
    }
    if (error != nullptr) {
        Failed(worker, error, "record the evaluation of a rule");
        return;
    }
    if (failure != nullptr) {
        pg::ShowTrouble(worker->status, "rule %s: %s", rule.name, failure);
    }
    pg::UpdateStatus(worker->status, [&findings](pg::WorkerStatus* s) {
        s->Count(protocol::WorkerCounter::kCommits);
        s->Count(protocol::WorkerCounter::kRows, findings.count);
    });
}

// GoOn is asked between two rules, and once a turn: here stands what must not wait until all rules
// are through. False when the worker is to stop.
bool GoOn(Worker* worker) {
    ReadClock();
    if (HandleInterrupts()) ReloadCourier();
    if (Stopping()) return false;
    if (FollowClock(worker)) TendCourier(worker->status);
    return true;
}

// KeepHouse does what is due beside the rules.
void KeepHouse(Worker* worker) {
    const TimestampTz now = GetCurrentTimestamp();
    Run(worker, "settle the alerts of rules that are gone",
        [&] { worker->next_rule_at = pg::SettleAlerts(now); });
    if (worker->sample.IsDue(Now())) {
        worker->sample.Start(Now(), kSamplePeriodMs);
        Run(worker, "sample the workers", [now] { pg::SampleWorkers(now); });
    }
    if (worker->prune.IsDue(Now()) && ClockIsSteady()) {
        int64 pruned = 0;
        Run(worker, "remove old alerts", [&] { pruned = pg::PruneAlerts(now, kPruneAtOnce); });
        if (pruned < kPruneAtOnce) worker->prune.Start(Now(), kPrunePeriodMs);
    }
}

long WaitMs(const Worker& worker) {
    const TimestampTz now = GetCurrentTimestamp();
    if (worker.failed || worker.next_rule_at >= TimestampTzPlusMilliseconds(now, kTurnMs))
        return kTurnMs;
    return Max(TimestampDifferenceMilliseconds(now, worker.next_rule_at), 1L);
}

}  // namespace

void RunAlertsWorker() {
    static Worker worker;
    worker.status = Begin(pg::WorkerKind::kAlerts, 0);
    pqsignal(SIGTERM, OnTerminate);
    pg::ConnectToDatabase();
    if (!AwaitExtension(worker.status, pg::kAlertsRole)) return;
    worker.turn =
        AllocSetContextCreate(TopMemoryContext, "pganalytics alerts", ALLOCSET_DEFAULT_SIZES);
    worker.evaluation =
        AllocSetContextCreate(TopMemoryContext, "pganalytics rule", ALLOCSET_DEFAULT_SIZES);
    pg::SetState(worker.status, pg::WorkerState::kRunning);
    while (GoOn(&worker)) {
        if (!ExtensionExists()) return;
        worker.failed = false;
        const pg::RuleNames rules = ListDueRules(&worker);
        for (int i = 0; i < rules.count && GoOn(&worker); ++i) {
            Evaluate(&worker, rules.list[i]);
        }
        KeepHouse(&worker);
        Report("waiting for the next rule");
        pgstat_report_stat(true);
        WaitForCourier(WaitMs(worker));
    }
}

}  // namespace pganalytics::bgworker
