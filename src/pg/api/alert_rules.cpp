// API alert rules: what rules there are, how they do, and changes of them.
#include "pg/api/alerts.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kNoRule[] = "there is no such rule";
constexpr size_t kMaxNumberBytes = 32;
constexpr size_t kMaxUrlBytes = 2048;
constexpr size_t kMaxTextBytes = 32768;
constexpr int64 kDaySeconds = 24 * 60 * 60;

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
// NULL leaves a column as it is; $10 and $11 say that threshold and runbook_url become NULL.
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

enum Field : int {
    kThreshold,
    kEnabled,
    kSeverity,
    kPendingFor,
    kEvaluateEvery,
    kAnnotations,
    kRunbookUrl,
    kQuery,
    kFields
};

Datum NameFromPath(const ApiCall& call) { return TextDatum(PathSegment(call)); }

void ReplyRule(ApiCall* call) {
    Datum values[] = {NameFromPath(*call)};
    Execute(&find_rule, values);
    ReplyDocument(call, kNoRule);
}

// ReadNumber: a field that was left out is good, and NULL. ERROR 22003 for one out of range.
Datum ReadNumber(const JsonField& field, bool* is_null) {
    *is_null = field.value == nullptr;
    if (*is_null) return Float8GetDatum(0);
    return DirectFunctionCall1(float8in, CStringGetDatum(field.value));
}

Datum ReadFlag(const JsonField& field, bool* is_null) {
    *is_null = field.value == nullptr;
    return BoolGetDatum(field.value != nullptr && strcmp(field.value, "true") == 0);
}

bool IsWithin(Datum seconds, bool is_null, double least, double most) {
    return is_null || (DatumGetFloat8(seconds) >= least && DatumGetFloat8(seconds) <= most);
}

// Fault gives what is wrong with a value, nullptr if nothing is. REQUIRES: numbers were read.
const char* Fault(const JsonField* fields, const Datum* values, const bool* nulls) {
    const char* const severity = fields[kSeverity].value;
    if (severity != nullptr && strcmp(severity, "info") != 0 && strcmp(severity, "warning") != 0 &&
        strcmp(severity, "critical") != 0) {
        return "\"severity\" is info, warning or critical";
    }
    if (!IsWithin(values[kPendingFor + 1], nulls[kPendingFor + 1], 0, 7 * kDaySeconds)) {
        return "\"pending_for\" is a number of seconds from 0 to 604800";
    }
    if (!IsWithin(values[kEvaluateEvery + 1], nulls[kEvaluateEvery + 1], 1, kDaySeconds)) {
        return "\"evaluate_every\" is a number of seconds from 1 to 86400";
    }
    const char* const annotations = fields[kAnnotations].value;
    if (annotations != nullptr && annotations[0] != '{') return "\"annotations\" is an object";
    const char* const url = fields[kRunbookUrl].value;
    if (url != nullptr && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        return "\"runbook_url\" begins with https:// or http://";
    }
    for (const int needed :
         {kEnabled, kSeverity, kPendingFor, kEvaluateEvery, kAnnotations, kQuery}) {
        if (fields[needed].is_null) return psprintf("\"%s\" is not null", fields[needed].name);
    }
    for (int i = 0; i < kFields; ++i) {
        if (fields[i].value != nullptr || fields[i].is_null) return nullptr;
    }
    return "the body has a field at least";
}

}  // namespace

void AlertRules(ApiCall* call) {
    enum Parameter : int { kPage, kPageSize, kParameters };
    QueryField fields[kParameters] = {{"page"}, {"page_size"}};
    ApiPage page;
    const char* why = nullptr;
    if (!ReadQueryFields(call->request->query, fields, kParameters, &why) ||
        !ReadPage(fields[kPage].value, fields[kPageSize].value, &page, &why)) {
        return RefuseCall(call, 422, why);
    }
    Datum values[] = {Int64GetDatum(page.size), Int64GetDatum(page.offset())};
    Execute(&list_rules, values);
    ReplyPage(call, page);
}

void AlertRule(ApiCall* call) { ReplyRule(call); }

void ChangeAlertRule(ApiCall* call) {
    constexpr JsonField kWanted[] = {
        {"threshold", kMaxNumberBytes, nullptr, JsonKind::kNumber, true},
        {"enabled", kMaxNumberBytes, nullptr, JsonKind::kBoolean, true},
        {"severity", kMaxNumberBytes, nullptr, JsonKind::kText, true},
        {"pending_for", kMaxNumberBytes, nullptr, JsonKind::kNumber, true},
        {"evaluate_every", kMaxNumberBytes, nullptr, JsonKind::kNumber, true},
        {"annotations", kMaxTextBytes, nullptr, JsonKind::kDocument, true},
        {"runbook_url", kMaxUrlBytes, nullptr, JsonKind::kText, true},
        {"query", kMaxTextBytes, nullptr, JsonKind::kText, true}};
    static_assert(lengthof(kWanted) == kFields);
    if (!ReadFields(call, kWanted, lengthof(kWanted))) return;
    const JsonField* const fields = call->fields;
    // The name stands before the fields.
    bool nulls[kFields + 3] = {};
    Datum values[] = {NameFromPath(*call),
                      ReadNumber(fields[kThreshold], &nulls[kThreshold + 1]),
                      ReadFlag(fields[kEnabled], &nulls[kEnabled + 1]),
                      TextOrNull(fields[kSeverity].value, &nulls[kSeverity + 1]),
                      ReadNumber(fields[kPendingFor], &nulls[kPendingFor + 1]),
                      ReadNumber(fields[kEvaluateEvery], &nulls[kEvaluateEvery + 1]),
                      TextOrNull(fields[kAnnotations].value, &nulls[kAnnotations + 1]),
                      TextOrNull(fields[kRunbookUrl].value, &nulls[kRunbookUrl + 1]),
                      TextOrNull(fields[kQuery].value, &nulls[kQuery + 1]),
                      BoolGetDatum(fields[kThreshold].is_null),
                      BoolGetDatum(fields[kRunbookUrl].is_null)};
    static_assert(lengthof(values) == kFields + 3);
    if (const char* const fault = Fault(fields, values, nulls); fault != nullptr) {
        return RefuseCall(call, 422, fault);
    }
    Execute(&look_at_rule, values);
    if (SPI_processed != 1) return RefuseCall(call, 404, kNoRule);
    if (BoolOf(0, 1) && fields[kQuery].value != nullptr) {
        return RefuseCall(
            call, 422,
            "\"query\" of a rule that the extension brings is as it is: turn the rule "
            "off and make one of your own");
    }
    Execute(&change_rule, values, nulls);
    ReplyRule(call);
}

}  // namespace pganalytics::pg
