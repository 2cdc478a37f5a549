-- Who may do what with alerts. pganalytics_rules is whom the queries of rules run as: it reads, and
-- nobody is a member of it.

REVOKE ALL ON
    pganalytics.alert_rules, pganalytics.alert_rule_states, pganalytics.alerts,
    pganalytics.alert_history, pganalytics.alert_silences, pganalytics.maintenance_windows,
    pganalytics.alert_inhibitions, pganalytics.alert_channels, pganalytics.alert_channel_secrets,
    pganalytics.alert_outbox
    FROM PUBLIC;
GRANT SELECT ON
    pganalytics.alert_rules, pganalytics.alert_rule_states, pganalytics.alerts,
    pganalytics.alert_history, pganalytics.alert_silences, pganalytics.maintenance_windows,
    pganalytics.alert_inhibitions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;

-- Operations.
GRANT SELECT ON pganalytics.active_alerts
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.labels_match(jsonb, jsonb),
    pganalytics.maintenance_covers(timestamptz, timestamptz, interval, interval, text),
    pganalytics.alert_mutes(timestamptz)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_alerts;
GRANT EXECUTE ON FUNCTION pganalytics.check_matchers(jsonb, boolean), pganalytics.acting_role()
    TO pganalytics_operator, pganalytics_admin;
GRANT SELECT ON
    pganalytics.alert_silences, pganalytics.maintenance_windows, pganalytics.alert_inhibitions
    TO pganalytics_alerts;
