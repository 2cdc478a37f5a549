#include "pg/alerts/evaluations.hpp"

#include "pg/base/session.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
}

namespace pganalytics::pg {
namespace {

Statement due_rules = {"SELECT rule FROM pganalytics.due_rules($1)", 1, {TIMESTAMPTZOID}, nullptr};
Statement due_rule = {
    "SELECT query, time_limit_ms FROM pganalytics.due_rules($1) WHERE rule OPERATOR(pg_catalog.=) "
    "$2",
    2,
    {TIMESTAMPTZOID, TEXTOID},
    nullptr};
Statement record = {"SELECT pganalytics.record_evaluation($1, $2, $3, $4, $5, $6)",
                    6,
                    {TEXTOID, TIMESTAMPTZOID, JSONBARRAYOID, FLOAT8ARRAYOID, TEXTOID, FLOAT8OID},
                    nullptr};
Statement settle = {
    "SELECT pganalytics.end_orphaned_alerts($1), "
    "(SELECT pg_catalog.min(evaluate_at) FROM pganalytics.alert_rule_states), "
    "pganalytics.queue_notifications($1)",
    1,
    {TIMESTAMPTZOID},
    nullptr};
Statement sample = {"SELECT pganalytics.sample_workers($1)", 1, {TIMESTAMPTZOID}, nullptr};
Statement move_due_times = {
    "SELECT pganalytics.move_due_times($1, pg_catalog.make_interval(secs => $2))",
    2,
    {TIMESTAMPTZOID, FLOAT8OID},
    nullptr};
Statement prune = {
    "SELECT pganalytics.prune_alerts($1, $2)", 2, {TIMESTAMPTZOID, INT4OID}, nullptr};

}  // namespace

RuleNames ListDueRules(TimestampTz at, MemoryContext context) {
    Datum values[] = {TimestampTzGetDatum(at)};
    Execute(&due_rules, values);
    RuleNames rules = {};
    rules.list = static_cast<const char**>(
        MemoryContextAlloc(context, sizeof(const char*) * (SPI_processed + 1)));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        rules.list[row] = CopyBytes(BytesOf(row, 1), context).data();
    }
    rules.count = static_cast<int>(SPI_processed);
    return rules;
}

bool FindDueRule(const char* name, TimestampTz at, MemoryContext context, DueRule* rule) {
    Datum values[] = {TimestampTzGetDatum(at), CStringGetTextDatum(name)};
    Execute(&due_rule, values);
    if (SPI_processed != 1) return false;
    bool is_null = false;
    rule->name = name;
    rule->query = CopyBytes(BytesOf(0, 1), context).data();
    rule->limit_ms = Max(static_cast<int>(DatumGetFloat8(CellOf(0, 2, &is_null))), 1);
    return true;
}

void RecordEvaluation(const DueRule& rule, TimestampTz at, const Findings& findings,
                      const char* failure, double duration_ms) {
    PlanForReports();
    Datum values[] = {CStringGetTextDatum(rule.name),
                      TimestampTzGetDatum(at),
                      ArrayOf(findings.list, findings.count, JSONBOID,
                              [](const Finding& f, bool*) { return JsonbPGetDatum(f.labels); }),
                      ArrayOf(findings.list, findings.count, FLOAT8OID,
                              [](const Finding& f, bool* is_null) {
                                  *is_null = f.is_null;
                                  return Float8GetDatum(f.value);
                              }),
                      failure == nullptr ? Datum{0} : CStringGetTextDatum(failure),
                      Float8GetDatum(duration_ms)};
    bool nulls[lengthof(values)] = {};
    nulls[4] = failure == nullptr;
    Execute(&record, values, nulls);
}

TimestampTz SettleAlerts(TimestampTz at) {
    Datum values[] = {TimestampTzGetDatum(at)};
    Execute(&settle, values);
    bool is_null = false;
    const Datum next = CellOf(0, 2, &is_null);
    return is_null ? DT_NOEND : DatumGetTimestampTz(next);
}

void SampleWorkers(TimestampTz at) {
    Datum values[] = {TimestampTzGetDatum(at)};
    Execute(&sample, values);
}

void MoveDueTimes(TimestampTz at, int64 shift_ms) {
    Datum values[] = {TimestampTzGetDatum(at),
                      Float8GetDatum(static_cast<double>(shift_ms) / 1000)};
    Execute(&move_due_times, values);
}

int64 PruneAlerts(TimestampTz at, int most) {
    Datum values[] = {TimestampTzGetDatum(at), Int32GetDatum(most)};
    Execute(&prune, values);
    return Int8Of(0, 1);
}

}  // namespace pganalytics::pg
