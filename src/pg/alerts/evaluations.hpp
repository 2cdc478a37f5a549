// Evaluations: the alerts worker's statements, which call the functions of sql/alerts.
// Every function below raises any ERROR of its statement.
// REQUIRES: SPI is connected (Transact), and the current role is pganalytics_alerts.
#pragma once

#include "pg/alerts/rules.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

struct RuleNames {
    const char** list;
    int count;
};

// DueRule is a rule that must be evaluated now.
struct DueRule {
    const char* name;
    const char* query;
    int limit_ms;  // time limit of the query, at least 1
};

// ListDueRules returns the names of the rules that are due at `at`, allocated in `context`.
RuleNames ListDueRules(TimestampTz at, MemoryContext context);

// FindDueRule reads a rule. It returns false if the rule is no longer due: it may have changed
// while the rules before it were evaluated. `name` must live as long as *rule; the query is
// allocated in `context`.
bool FindDueRule(const char* name, TimestampTz at, MemoryContext context, DueRule* rule);

// RecordEvaluation stores the findings of a rule. If `failure` is not nullptr, it stores this
// message instead.
void RecordEvaluation(const DueRule& rule, TimestampTz at, const Findings& findings,
                      const char* failure, double duration_ms);

// SettleAlerts ends the alerts of rules that were deleted or disabled, and queues notifications. It
// returns the time at which the next rule is due, or DT_NOEND if there is no rule.
TimestampTz SettleAlerts(TimestampTz at);

// SampleWorkers stores the workers' counters, for rules that compare counters over time.
void SampleWorkers(TimestampTz at);

// MoveDueTimes shifts the due times in the tables by `shift_ms`, the time by which the clock was
// set.
void MoveDueTimes(TimestampTz at, int64 shift_ms);

// PruneAlerts removes alerts and notifications whose retention is over, at most `most` of each, and
// returns how many it has removed.
int64 PruneAlerts(TimestampTz at, int most);

}  // namespace pganalytics::pg
