// Alerts worker: a loop of short transactions. Each rule runs in one transaction, and its result is
// stored in another, so that a slow or broken rule does not disturb the others.
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
// The most rows to remove in one transaction.
constexpr int kPruneAtOnce = 10000;
constexpr int64 kRuleShownMs = 3600 * 1000;

// The topics of troubles that have no other text.
constexpr char kRecord[] = "record the evaluation of a rule";
constexpr char kRule[] = "rule";

// `evaluating` is 1 while a rule's query runs. A shutdown then cancels the query and does not wait
// for it.
volatile sig_atomic_t evaluating = 0;

struct Worker {
    pg::WorkerStatus* status;
    MemoryContext turn;        // holds what this loop iteration has read
    MemoryContext evaluation;  // holds the data of one rule's evaluation
    TimestampTz next_rule_at;
    bool failed;  // a step of this iteration failed: do not retry at once
    core::Timer sample;
    core::Timer prune;
    char failing_rule[NAMEDATALEN];  // the rule that failed last
    core::Timer rule_shown;          // until then the row shows it
    int64 moved_ms;  // how far the clock was set since the due times were last moved
};

void OnTerminate(int signal) {
    if (evaluating != 0) {
        QueryCancelPending = true;
        InterruptPending = true;
    }
    SignalHandlerForShutdownRequest(signal);
}

// ReportFailure logs an error, a repeated one only once, and frees it. If the extension was
// dropped, it logs nothing, because the next loop iteration notices the drop.
void ReportFailure(Worker* worker, ErrorData* error, const char* what) {
    if (ExtensionExists()) {
        pg::ReportTrouble(worker->status, what, error->sqlerrcode, "could not %s: %s", what,
                          error->message);
    }
    FreeErrorData(error);
    worker->failed = true;
}

// Run runs fn() in a transaction. It returns false if the transaction failed.
template <typename Fn>
bool Run(Worker* worker, const char* what, Fn&& fn) {
    ErrorData* const error = pg::Transact(fn);
    if (error != nullptr) {
        ReportFailure(worker, error, what);
    } else {
        pg::EndTrouble(worker->status, what);
    }
    return error == nullptr;
}

// FollowClock moves the due times in the tables by as much as the clock was set, so that a retry
// that was due in five seconds stays due in five seconds. If that fails, FollowClock returns false
// and the next call retries.
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

// FindRule reads a rule. It returns false if the rule could not be read or is no longer due:
// somebody may have changed it while the rules before it ran.
bool FindRule(Worker* worker, const char* name, TimestampTz at, pg::DueRule* rule) {
    bool found = false;
    const bool read = Run(worker, "read a rule",
                          [&] { found = pg::FindDueRule(name, at, worker->evaluation, rule); });
    return read && found;
}

// Look runs the rule's query within its time limit. The error is allocated in worker->evaluation.
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
    // The timeout or SIGTERM may have asked for a cancel after the query's last check for
    // interrupts. That cancel must not hit the next statement.
    QueryCancelPending = false;
    // The query may have taken session-level advisory locks, which outlive the transaction. The
    // worker itself takes none.
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

// ShowRule shows in the worker's row the rule that failed last, until it succeeds. The rule may
// never run again, so the row forgets it when no rule has failed for a while.
void ShowRule(Worker* worker, const char* name, const char* failure) {
    if (failure != nullptr) {
        pg::ShowTrouble(worker->status, kRule, "rule %s: %s", name, failure);
        strlcpy(worker->failing_rule, name, sizeof(worker->failing_rule));
        worker->rule_shown.Start(Now(), kRuleShownMs);
    } else if (strcmp(worker->failing_rule, name) == 0 || worker->rule_shown.IsDue(Now())) {
        pg::EndTrouble(worker->status, kRule);
    }
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
    // The query may have been canceled for the shutdown; that says nothing about the rule.
    if (error != nullptr && Stopping()) return;
    const char* failure = error == nullptr ? nullptr : error->message;
    error = Record(worker, rule, at, findings, failure, duration_ms);
    if (error != nullptr) {
        // The findings cannot be stored: store that error as the rule's failure instead.
        failure = error->message;
        error = Record(worker, rule, at, {}, failure, duration_ms);
    }
    if (error != nullptr) {
        ReportFailure(worker, error, kRecord);
        return;
    }
    pg::EndTrouble(worker->status, kRecord);
    ShowRule(worker, rule.name, failure);
    pg::UpdateStatus(worker->status, [&findings](pg::WorkerStatus* s) {
        s->Count(protocol::WorkerCounter::kCommits);
        s->Count(protocol::WorkerCounter::kRows, findings.count);
    });
}

// GoOn is called once per loop iteration and before each rule. It does the work that must not wait
// until all rules have run. It returns false when the worker must stop.
bool GoOn(Worker* worker) {
    ReadClock();
    if (HandleInterrupts()) ReloadCourier();
    if (Stopping()) return false;
    if (FollowClock(worker)) TendCourier(worker->status);
    return true;
}

// KeepHouse settles alerts of rules that are gone, samples the workers and removes old alerts.
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
        if (!MayServe()) return;
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
