// Alerts worker: a loop of short transactions. A rule that is slow or broken costs itself alone: it
// is evaluated in one transaction that reads, and what it has found is recorded in another.
#include "bgworker/alerts/alerts_worker.hpp"

#include "bgworker/alerts/courier.hpp"
#include "bgworker/process/worker.hpp"
#include "pg/alerts/rules.hpp"
#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/trouble.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "libpq/pqsignal.h"
#include "portability/instr_time.h"
#include "storage/lock.h"
#include "utils/timeout.h"
}

namespace pganalytics::bgworker {
namespace {

constexpr long kTurnMs = 1000;
constexpr int kSamplePeriodMs = 60 * 1000;
constexpr int kPrunePeriodMs = 3600 * 1000;
// So many rows are removed in one transaction.
constexpr int64 kPruneAtOnce = 10000;

pg::Statement due_rules = {
    "SELECT rule FROM pganalytics.due_rules($1)", 1, {TIMESTAMPTZOID}, nullptr};
pg::Statement due_rule = {
    "SELECT query, time_limit_ms FROM pganalytics.due_rules($1) WHERE rule OPERATOR(pg_catalog.=) "
    "$2",
    2,
    {TIMESTAMPTZOID, TEXTOID},
    nullptr};
pg::Statement record = {
    "SELECT pganalytics.record_evaluation($1, $2, $3, $4, $5, $6)",
    6,
    {TEXTOID, TIMESTAMPTZOID, JSONBARRAYOID, FLOAT8ARRAYOID, TEXTOID, FLOAT8OID},
    nullptr};
pg::Statement settle = {
    "SELECT pganalytics.end_orphaned_alerts($1), "
    "(SELECT pg_catalog.min(evaluate_at) FROM pganalytics.alert_rule_states), "
    "pganalytics.queue_notifications($1)",
    1,
    {TIMESTAMPTZOID},
    nullptr};
pg::Statement sample = {"SELECT pganalytics.sample_workers($1)", 1, {TIMESTAMPTZOID}, nullptr};
pg::Statement prune = {
    "SELECT pganalytics.prune_alerts($1, $2)", 2, {TIMESTAMPTZOID, INT4OID}, nullptr};

// A query runs that nobody is to wait for at a shutdown.
volatile sig_atomic_t evaluating = 0;

struct Worker {
    pg::WorkerStatus* status;
    MemoryContext turn;        // what the turn has read
    MemoryContext evaluation;  // of one rule
    TimestampTz next_rule_at;
    bool failed;  // something in this turn; it is not tried again at once
    TimestampTz sample_at;
    TimestampTz prune_at;
};

struct Rule {
    const char* name;
    const char* query;
    int limit_ms;
};

struct RuleNames {
    const char** list;
    int count;
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

// RunAt runs a statement whose first argument is the time. False if it failed.
template <typename Read>
bool RunAt(Worker* worker, pg::Statement* statement, TimestampTz at, const char* what,
           Read&& read) {
    ErrorData* const error = pg::Transact([&] {
        Datum values[] = {TimestampTzGetDatum(at), Int32GetDatum(kPruneAtOnce)};
        pg::Execute(statement, values);
        read();
    });
    if (error != nullptr) Failed(worker, error, what);
    return error == nullptr;
}

RuleNames ListDueRules(Worker* worker) {
    RuleNames rules = {};
    MemoryContextReset(worker->turn);
    RunAt(worker, &due_rules, GetCurrentTimestamp(), "list the rules that are due", [&] {
        rules.list = static_cast<const char**>(
            MemoryContextAlloc(worker->turn, sizeof(const char*) * (SPI_processed + 1)));
        for (uint64 row = 0; row < SPI_processed; ++row) {
            rules.list[row] = pg::CopyBytes(pg::BytesOf(row, 1), worker->turn).data();
        }
        rules.count = static_cast<int>(SPI_processed);
    });
    return rules;
}

// FindRule reads a rule that is still due: those before it may have taken a while. False if it is
// not, or could not be read.
bool FindRule(Worker* worker, const char* name, TimestampTz at, Rule* rule) {
    bool found = false;
    ErrorData* const error = pg::Transact([&] {
        Datum values[] = {TimestampTzGetDatum(at), CStringGetTextDatum(name)};
        pg::Execute(&due_rule, values);
        found = SPI_processed == 1;
        if (!found) return;
        bool is_null = false;
        rule->name = name;
        rule->query = pg::CopyBytes(pg::BytesOf(0, 1), worker->evaluation).data();
        rule->limit_ms = Max(static_cast<int>(DatumGetFloat8(pg::CellOf(0, 2, &is_null))), 1);
    });
    if (error != nullptr) Failed(worker, error, "read a rule");
    return found && error == nullptr;
}

double MsSince(instr_time began) {
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, began);
    return INSTR_TIME_GET_MILLISEC(now);
}

// Look runs the rule's query within its time. The error is in memory of the evaluation.
ErrorData* Look(Worker* worker, const Rule& rule, TimestampTz at, pg::Findings* findings,
                double* duration_ms) {
    instr_time began;
    INSTR_TIME_SET_CURRENT(began);
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
    *duration_ms = MsSince(began);
    if (error != nullptr && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
        *duration_ms >= rule.limit_ms) {
        error->message = psprintf("the rule took longer than its time_limit, %d ms", rule.limit_ms);
    }
    MemoryContextSwitchTo(caller);
    return error;
}

// Record stores the findings, or the error if there is one.
ErrorData* Record(Worker* worker, const Rule& rule, TimestampTz at, const pg::Findings& findings,
                  const char* failure, double duration_ms) {
    MemoryContext const caller = MemoryContextSwitchTo(worker->evaluation);
    ErrorData* const error = pg::Transact([&] {
        pg::PlanForReports();
        Datum values[] = {
            CStringGetTextDatum(rule.name),
            TimestampTzGetDatum(at),
            pg::ArrayOf(findings.list, findings.count, JSONBOID,
                        [](const pg::Finding& f, bool*) { return JsonbPGetDatum(f.labels); }),
            pg::ArrayOf(findings.list, findings.count, FLOAT8OID,
                        [](const pg::Finding& f, bool* is_null) {
                            *is_null = f.is_null;
                            return Float8GetDatum(f.value);
                        }),
            failure == nullptr ? Datum{0} : CStringGetTextDatum(failure),
            Float8GetDatum(duration_ms)};
        bool nulls[lengthof(values)] = {};
        nulls[4] = failure == nullptr;
        pg::Execute(&record, values, nulls);
    });
    MemoryContextSwitchTo(caller);
    return error;
}

void Evaluate(Worker* worker, const char* name) {
    MemoryContextReset(worker->evaluation);
    const TimestampTz at = GetCurrentTimestamp();
    Rule rule = {};
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
        ++s->commits;
        s->rows += findings.count;
    });
}

// GoOn is asked between two rules, and once a turn: here stands what must not wait until all rules
// are through. False when the worker is to stop.
bool GoOn(pg::WorkerStatus* status) {
    if (HandleInterrupts()) ReloadCourier();
    if (Stopping()) return false;
    TendCourier(status);
    return true;
}

// KeepHouse does what is due beside the rules.
void KeepHouse(Worker* worker) {
    const TimestampTz now = GetCurrentTimestamp();
    RunAt(worker, &settle, now, "settle the alerts of rules that are gone", [worker] {
        bool is_null = false;
        const Datum next = pg::CellOf(0, 2, &is_null);
        worker->next_rule_at = is_null ? DT_NOEND : DatumGetTimestampTz(next);
    });
    // A clock that was set back must not put anything off.
    if (now >= worker->sample_at ||
        TimestampTzPlusMilliseconds(now, kSamplePeriodMs) < worker->sample_at) {
        worker->sample_at = TimestampTzPlusMilliseconds(now, kSamplePeriodMs);
        RunAt(worker, &sample, now, "sample the workers", [] {});
    }
    if (now >= worker->prune_at ||
        TimestampTzPlusMilliseconds(now, kPrunePeriodMs) < worker->prune_at) {
        int64 pruned = 0;
        RunAt(worker, &prune, now, "remove old alerts", [&pruned] { pruned = pg::Int8Of(0, 1); });
        if (pruned < kPruneAtOnce) {
            worker->prune_at = TimestampTzPlusMilliseconds(now, kPrunePeriodMs);
        }
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
    while (GoOn(worker.status)) {
        if (!ExtensionExists()) return;
        worker.failed = false;
        const RuleNames rules = ListDueRules(&worker);
        for (int i = 0; i < rules.count && GoOn(worker.status); ++i) {
            Evaluate(&worker, rules.list[i]);
        }
        KeepHouse(&worker);
        Report("waiting for the next rule");
        pgstat_report_stat(true);
        WaitForCourier(WaitMs(worker));
    }
}

}  // namespace pganalytics::bgworker
