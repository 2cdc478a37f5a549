// API alerts: lists alerts, shows one with its history, and acknowledges them.
#include "pg/api/handlers.hpp"
#include "pg/api/pages.hpp"
#include "pg/base/statement.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pganalytics::pg {
namespace {

constexpr char kNoAlert[] = "there is no such alert";

// These are the members of an alert in an answer. A statement that uses them must call the table of
// alerts "a" and the rows of alert_mutes() "m".
#define PGANALYTICS_ALERT_MEMBERS                                                           \
    "'id', a.alert_id, 'rule', a.rule, 'severity', a.severity, 'state', a.state, "          \
    "'labels', a.labels, 'annotations', a.annotations, 'runbook_url', a.runbook_url, "      \
    "'value', a.value, 'started_at', a.started_at, 'fired_at', a.fired_at, "                \
    "'found_at', a.found_at, 'resolved_at', a.resolved_at, "                                \
    "'acknowledged', a.acknowledged_at IS NOT NULL, 'acknowledged_at', a.acknowledged_at, " \
    "'acknowledged_by', a.acknowledged_by, 'acknowledgement', a.acknowledgement, "          \
    "'muted_by', coalesce(m.muted_by, '{}'), 'fingerprint', a.fingerprint"

// Select the page first, and details only for the alerts on it: the table may hold years of alerts.
// The heartbeat always fires and is no problem: show it only to who asks for its rule.
Statement list_alerts = {
    "WITH mutes AS MATERIALIZED (SELECT * FROM pganalytics.alert_mutes(pg_catalog.now())), "
    "found AS MATERIALIZED (SELECT a.alert_id, a.started_at FROM pganalytics.alerts a "
    "WHERE ($1 IS NULL OR a.state = $1 OR ($1 = 'active' AND a.state <> 'resolved')) "
    "AND ($2 IS NULL OR a.severity = $2) "
    "AND (CASE WHEN $3 IS NULL THEN a.rule <> 'heartbeat' ELSE a.rule = $3 END) "
    "AND ($4 IS NULL OR (a.acknowledged_at IS NOT NULL) = $4) "
    "AND ($5 IS NULL OR EXISTS (SELECT FROM mutes m WHERE m.alert_id = a.alert_id) = $5)), "
    "page AS MATERIALIZED (SELECT f.alert_id FROM found f "
    "ORDER BY f.started_at DESC, f.alert_id DESC LIMIT $6 OFFSET $7) "
    "SELECT (SELECT pg_catalog.count(*) FROM found), (SELECT coalesce(pg_catalog.json_agg("
    "pg_catalog.json_build_object(" PGANALYTICS_ALERT_MEMBERS
    ") ORDER BY a.started_at DESC, a.alert_id DESC), '[]')::text "
    "FROM page p JOIN pganalytics.alerts a ON a.alert_id = p.alert_id "
    "LEFT JOIN mutes m ON m.alert_id = a.alert_id)",
    7,
    {TEXTOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID, INT8OID, INT8OID},
    nullptr};
Statement find_alert = {
    "SELECT pg_catalog.json_build_object(" PGANALYTICS_ALERT_MEMBERS
    ", 'history', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object("
    "'at', h.at, 'change', h.change, 'value', h.value, 'actor', h.actor, 'comment', h.comment) "
    "ORDER BY h.at), '[]') FROM (SELECT * FROM pganalytics.alert_history h "
    "WHERE h.alert_id = a.alert_id ORDER BY h.at DESC LIMIT 1000) h), "
    "'notifications', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object("
    "'id', o.notification_id, 'channel', o.channel, 'status', o.status, 'state', o.state, "
    "'created_at', o.created_at, 'attempts', o.attempts, 'settled_at', o.settled_at, "
    "'last_status', o.last_status, 'last_error', o.last_error) ORDER BY o.notification_id), '[]') "
    "FROM (SELECT * FROM pganalytics.alert_deliveries o WHERE o.alert_id = a.alert_id "
    "ORDER BY o.notification_id DESC LIMIT 1000) o))::text "
    "FROM pganalytics.alerts a LEFT JOIN pganalytics.alert_mutes(pg_catalog.now()) m "
    "ON m.alert_id = a.alert_id WHERE a.alert_id = $1",
    1,
    {INT8OID},
    nullptr};
#undef PGANALYTICS_ALERT_MEMBERS
Statement acknowledge = {
    "SELECT pganalytics.acknowledge_alert($1, $2)", 2, {INT8OID, TEXTOID}, nullptr};
Statement unacknowledge = {"SELECT pganalytics.unacknowledge_alert($1)", 1, {INT8OID}, nullptr};

void ReplyAlert(ApiCall* call, int64 id) {
    Datum values[] = {Int64GetDatum(id)};
    Execute(&find_alert, values);
    ReplyDocument(call, kNoAlert);
}

}  // namespace

void Alerts(ApiCall* call) {
    const ApiPage page = PageOf(*call);
    Datum values[7] = {};
    bool nulls[7] = {};
    TakeArguments(call->inputs, {"state", "severity", "rule", "acknowledged", "muted", "page_size"},
                  values, nulls);
    values[6] = Int64GetDatum(page.offset());
    Execute(&list_alerts, values, nulls);
    ReplyPage(call, page);
}

void Alert(ApiCall* call) {
    int64 id = 0;
    if (ReadPathId(call, &id, kNoAlert)) ReplyAlert(call, id);
}

void AcknowledgeAlert(ApiCall* call) {
    int64 id = 0;
    if (!ReadPathId(call, &id, kNoAlert)) return;
    bool nulls[] = {false, false};
    Datum values[] = {Int64GetDatum(id), 0};
    TakeArguments(call->inputs, {"comment"}, values + 1, nulls + 1);
    Execute(&acknowledge, values, nulls);
    ReplyAlert(call, id);
}

void UnacknowledgeAlert(ApiCall* call) {
    int64 id = 0;
    if (!ReadPathId(call, &id, kNoAlert)) return;
    Datum values[] = {Int64GetDatum(id)};
    Execute(&unacknowledge, values);
    ReplyAlert(call, id);
}

}  // namespace pganalytics::pg
