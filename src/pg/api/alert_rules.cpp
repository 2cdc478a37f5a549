// API alert rules: lists rules with their state, and changes them.
#include "pg/api/handlers.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kNoRule[] = "there is no such rule";

#define PGANALYTICS_RULE                                                                          \
    "pg_catalog.json_build_object('name', r.name, 'query', r.query, 'comparison', r.comparison, " \
    "'threshold', r.threshold, 'threshold_setting', r.threshold_setting, "                        \
    "'threshold_in_force', pganalytics.rule_threshold(r.threshold, r.threshold_setting), "        \
    "'pending_for', extract(epoch FROM r.pending_for), "                                          \
    "'keep_firing_for', extract(epoch FROM r.keep_firing_for), 'severity', r.severity, "          \
    "'evaluate_every', extract(epoch FROM r.evaluate_every), 'labels', r.labels, "                \
    "'annotations', r.annotations, 'runbook_url', r.runbook_url, 'enabled', r.enabled, "          \
    "'builtin', r.builtin, 'changed_at', r.changed_at, 'changed_by', r.changed_by, "              \
    "'firing', o.firing, 'pending', o.pending, 'evaluated_at', o.evaluated_at, "                  \
    "'duration_ms', o.duration_ms, 'failures', o.failures, 'last_error', o.last_error)"
#define PGANALYTICS_OF_RULES \
    "pganalytics.alert_rules r JOIN pganalytics.alert_overview o ON o.rule = r.name"

Statement list_rules = {
    "SELECT (SELECT pg_catalog.count(*) FROM pganalytics.alert_rules), "
    "(SELECT coalesce(pg_catalog.json_agg(p.rule ORDER BY p.name), '[]')::text FROM ("
    "SELECT r.name, " PGANALYTICS_RULE " AS rule FROM " PGANALYTICS_OF_RULES
    " ORDER BY r.name LIMIT $1 OFFSET $2) p)",
    2,
    {INT8OID, INT8OID},
    nullptr};
Statement find_rule = {"SELECT " PGANALYTICS_RULE "::text FROM " PGANALYTICS_OF_RULES
                       " WHERE r.name = $1",
                       1,
                       {TEXTOID},
                       nullptr};
#undef PGANALYTICS_RULE
#undef PGANALYTICS_OF_RULES
Statement look_at_rule = {
    "SELECT builtin FROM pganalytics.alert_rules WHERE name = $1", 1, {TEXTOID}, nullptr};
// An argument that is NULL leaves its column unchanged. To set threshold to NULL, $10 must be true;
// to set runbook_url to NULL, $11 must be true.
Statement change_rule = {
    "UPDATE pganalytics.alert_rules SET "
    "threshold = CASE WHEN $10 THEN NULL ELSE coalesce($2, threshold) END, "
    "enabled = coalesce($3, enabled), severity = coalesce($4, severity), "
    "pending_for = coalesce(pg_catalog.make_interval(secs => $5), pending_for), "
    "evaluate_every = coalesce(pg_catalog.make_interval(secs => $6), evaluate_every), "
    "annotations = coalesce($7::pg_catalog.jsonb, annotations), "
    "runbook_url = CASE WHEN $11 THEN NULL ELSE coalesce($8, runbook_url) END, "
    "query = coalesce($9, query) WHERE name = $1",
    11,
    {TEXTOID, FLOAT8OID, BOOLOID, TEXTOID, FLOAT8OID, FLOAT8OID, TEXTOID, TEXTOID, TEXTOID, BOOLOID,
     BOOLOID},
    nullptr};

Datum NameFromPath(const ApiCall& call) { return TextDatum(PathSegment(call)); }

void ReplyRule(ApiCall* call) {
    Datum values[] = {NameFromPath(*call)};
    Execute(&find_rule, values);
    ReplyDocument(call, kNoRule);
}

// Fault returns what is wrong with a change, nullptr if nothing is wrong.
const char* Fault(const ApiInputs& inputs) {
    const char* const annotations = inputs.At("annotations").text;
    if (annotations != nullptr && annotations[0] != '{') return "\"annotations\" is an object";
    const char* const url = inputs.At("runbook_url").text;
    if (url != nullptr && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        return "\"runbook_url\" begins with https:// or http://";
    }
    for (const char* needed :
         {"enabled", "severity", "pending_for", "evaluate_every", "annotations", "query"}) {
        if (inputs.At(needed).is_null) return psprintf("\"%s\" is not null", needed);
    }
    for (int i = 0; i < inputs.count; ++i) {
        if (inputs.values[i].was_sent || inputs.values[i].is_null) return nullptr;
    }
    return "the body has a field at least";
}

}  // namespace

void AlertRules(ApiCall* call) {
    const ApiPage page = PageOf(*call);
    Datum values[] = {Int64GetDatum(page.size), Int64GetDatum(page.offset())};
    Execute(&list_rules, values);
    ReplyPage(call, page);
}

void AlertRule(ApiCall* call) { ReplyRule(call); }

void ChangeAlertRule(ApiCall* call) {
    const ApiInputs& inputs = call->inputs;
    if (const char* const fault = Fault(inputs); fault != nullptr) {
        return RefuseCall(call, 422, fault);
    }
    Datum values[11] = {NameFromPath(*call)};
    bool nulls[11] = {};
    TakeArguments(inputs,
                  {"threshold", "enabled", "severity", "pending_for", "evaluate_every",
                   "annotations", "runbook_url", "query"},
                  values + 1, nulls + 1);
    values[9] = BoolGetDatum(inputs.At("threshold").is_null);
    values[10] = BoolGetDatum(inputs.At("runbook_url").is_null);
    Execute(&look_at_rule, values);
    if (SPI_processed != 1) return RefuseCall(call, 404, kNoRule);
    if (BoolOf(0, 1) && inputs.At("query").text != nullptr) {
        return RefuseCall(
            call, 422,
            "\"query\" of a rule that the extension brings is as it is: turn the rule "
            "off and make one of your own");
    }
    Execute(&change_rule, values, nulls);
    ReplyRule(call);
}

}  // namespace pganalytics::pg
