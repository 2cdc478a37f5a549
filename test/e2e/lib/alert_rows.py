"""Alerts in the tables as the alerts worker would have written them, for tests of what people do with them.

Their rules are not due before tomorrow.
"""
import json

import psycopg2


def make_rule(db, name, severity="warning"):
    with psycopg2.connect(db.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO pganalytics.alert_rules "
                       "(name, query, threshold, severity, evaluate_every) "
                       "VALUES (%s, 'SELECT 1 AS value WHERE false', 0, %s, '1 day')", (name, severity))
        cursor.execute("INSERT INTO pganalytics.alert_rule_states (rule, evaluate_at, evaluated_at, "
                       "duration_ms) VALUES (%s, now() + interval '1 day', now(), 0)", (name,))
    connection.close()
    return name


def make_alert(db, rule, state="firing", **labels):
    """make_alert gives the number of a new alert."""
    return db.value(
        "INSERT INTO pganalytics.alerts (rule, fingerprint, labels, severity, state, value, started_at, "
        "found_at, fired_at, resolved_at) "
        "SELECT r.name, pganalytics.alert_fingerprint(l), l, r.severity, s, 7, "
        "now(), now(), CASE WHEN s <> 'pending' THEN now() END, CASE WHEN s = 'resolved' THEN now() END "
        "FROM pganalytics.alert_rules r, CAST(%s AS text) s, LATERAL (SELECT %s::jsonb "
        "|| jsonb_build_object('alertname', r.name, 'severity', r.severity) AS l) AS labels "
        "WHERE r.name = %s RETURNING alert_id", state, json.dumps(labels), rule)
