// Evaluations: what the alerts worker reads and writes: the rules that are due, what they found,
// and the chores of its tables (sql/alerts).
//
// Everything here raises ERROR as its statement does.
// REQUIRES: SPI connected (Transact), the role pganalytics_alerts in force.
#pragma once

#include "pg/alerts/rules.hpp"
#include "pg/base/prelude.hpp"

namespace pganalytics::pg {

struct RuleNames {
    const char** list;
    int count;
};

// DueRule is a rule that is to be evaluated now.
struct DueRule {
    const char* name;
    const char* query;
    int limit_ms;  // for the query, at least 1
};

// ListDueRules gives the names of the rules that are due at `at`, in memory of `context`.
RuleNames ListDueRules(TimestampTz at, MemoryContext context);

// FindDueRule reads a rule if it is still due: the rules before it may have taken a while. `name`
// must live as long as the rule; the query is in memory of `context`.
bool FindDueRule(const char* name, TimestampTz at, MemoryContext context, DueRule* rule);

// RecordEvaluation stores the findings of a rule, or `failure`, unless that is nullptr, in place of
// them.
void RecordEvaluation(const DueRule& rule, TimestampTz at, const Findings& findings,
                      const char* failure, double duration_ms);

// SettleAlerts ends the alerts of rules that are gone and queues notifications. It gives the time
// at which the next rule is due, DT_NOEND if there is none.
TimestampTz SettleAlerts(TimestampTz at);

// SampleWorkers stores the workers' counters, for the rules that compare them over time.
void SampleWorkers(TimestampTz at);

// MoveDueTimes moves what is due in the tables by as much as the clock was set.
void MoveDueTimes(TimestampTz at, int64 shift_ms);

// PruneAlerts removes at most `most` rows whose retention is over and gives how many it removed.
int64 PruneAlerts(TimestampTz at, int most);

}  // namespace pganalytics::pg
