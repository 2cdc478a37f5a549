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

-- Operations. What of a row is stamped, nobody can write.
GRANT SELECT ON
    pganalytics.active_alerts, pganalytics.silences, pganalytics.alert_groups,
    pganalytics.alert_overview
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.labels_match(jsonb, jsonb),
    pganalytics.maintenance_covers(timestamptz, timestamptz, interval, interval, text),
    pganalytics.alert_mutes(timestamptz),
    pganalytics.setting_value(text),
    pganalytics.rule_threshold(double precision, text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_alerts;
GRANT EXECUTE ON FUNCTION pganalytics.check_matchers(jsonb, boolean), pganalytics.acting_role()
    TO pganalytics_operator, pganalytics_admin;
GRANT SELECT ON
    pganalytics.alert_silences, pganalytics.maintenance_windows, pganalytics.alert_inhibitions
    TO pganalytics_alerts;
GRANT DELETE ON pganalytics.alert_silences TO pganalytics_alerts;
GRANT EXECUTE ON FUNCTION
    pganalytics.acknowledge_alert(bigint, text),
    pganalytics.unacknowledge_alert(bigint),
    pganalytics.silence_alerts(jsonb, interval, text, timestamptz),
    pganalytics.silence_alert(bigint, interval, text),
    pganalytics.end_silence(bigint),
    pganalytics.create_maintenance_window(
        text, jsonb, timestamptz, interval, text, interval, text),
    pganalytics.drop_maintenance_window(text)
    TO pganalytics_operator, pganalytics_admin;
GRANT UPDATE (acknowledged_at, acknowledgement)
    ON pganalytics.alerts TO pganalytics_operator, pganalytics_admin;
GRANT INSERT (matchers, starts_at, ends_at, reason), UPDATE (starts_at, ends_at)
    ON pganalytics.alert_silences TO pganalytics_operator, pganalytics_admin;
GRANT INSERT (name, matchers, starts_at, duration, repeat_every, time_zone, reason, enabled),
      UPDATE (matchers, starts_at, duration, repeat_every, time_zone, reason, enabled), DELETE
    ON pganalytics.maintenance_windows TO pganalytics_operator, pganalytics_admin;
GRANT INSERT (name, source_matchers, target_matchers, equal_labels, enabled),
      UPDATE (source_matchers, target_matchers, equal_labels, enabled), DELETE
    ON pganalytics.alert_inhibitions TO pganalytics_admin;

-- The engine. Administrators write rules; who has done it, and what is built in, is not theirs to say.
GRANT INSERT (name, query, comparison, threshold, threshold_setting, pending_for, keep_firing_for,
              severity, evaluate_every, time_limit, labels, annotations, runbook_url, enabled),
      UPDATE (name, query, comparison, threshold, threshold_setting, pending_for, keep_firing_for,
              severity, evaluate_every, time_limit, labels, annotations, runbook_url, enabled),
      DELETE
    ON pganalytics.alert_rules TO pganalytics_admin;
GRANT SELECT ON pganalytics.self_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT EXECUTE ON FUNCTION pganalytics.evaluation_time()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_alerts;
GRANT EXECUTE ON FUNCTION
    pganalytics.run_rule(text, timestamptz),
    pganalytics.alert_condition(double precision, text, double precision),
    pganalytics.alert_fingerprint(jsonb),
    pganalytics.expand_template(text, jsonb, double precision),
    pganalytics.alert_step(pganalytics.alert_rules, double precision, pganalytics.alerts[], jsonb[],
                           double precision[], timestamptz)
    TO pganalytics_admin, pganalytics_alerts;
GRANT EXECUTE ON FUNCTION
    pganalytics.check_rule_query(text),
    pganalytics.in_extension_script(),
    pganalytics.backtest_rule(text, timestamptz, timestamptz, interval, double precision)
    TO pganalytics_admin;
GRANT SELECT ON pganalytics.alert_rules, pganalytics.workers TO pganalytics_alerts;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    pganalytics.alert_rule_states, pganalytics.alerts, pganalytics.alert_history
    TO pganalytics_alerts;
GRANT SELECT, DELETE ON pganalytics.alert_outbox TO pganalytics_alerts;
GRANT SELECT, INSERT, DELETE ON pganalytics.self_samples TO pganalytics_alerts;
GRANT EXECUTE ON FUNCTION
    pganalytics.worker_states(),
    pganalytics.alert_retention(),
    pganalytics.rule_pause(interval, double precision),
    pganalytics.due_rules(timestamptz),
    pganalytics.record_evaluation(text, timestamptz, jsonb[], double precision[], text, double precision),
    pganalytics.end_orphaned_alerts(timestamptz),
    pganalytics.prune_alerts(timestamptz, integer),
    pganalytics.move_due_times(timestamptz, interval),
    pganalytics.sample_workers(timestamptz)
    TO pganalytics_alerts;

-- Delivery. The URL of a channel can be a secret by itself (Slack's is), so others see only what is told
-- and when.
REVOKE ALL ON pganalytics.alert_channel_states, pganalytics.alert_outbox_state FROM PUBLIC;
GRANT SELECT (name, kind, authentication, matchers, group_by, group_wait, repeat_every, send_resolved,
              escalate_after, give_up_after, anchors, enabled)
    ON pganalytics.alert_channels TO pganalytics_viewer, pganalytics_operator;
GRANT SELECT ON pganalytics.alert_deliveries, pganalytics.alert_dead_letters
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT, DELETE,
      INSERT (name, kind, url, mail_to, authentication, matchers, group_by, group_wait, repeat_every,
              send_resolved, escalate_after, give_up_after, anchors, enabled),
      UPDATE (url, mail_to, authentication, matchers, group_by, group_wait, repeat_every,
              send_resolved, escalate_after, give_up_after, anchors, enabled)
    ON pganalytics.alert_channels TO pganalytics_admin;
GRANT SELECT, INSERT, UPDATE (secret), DELETE ON pganalytics.alert_channel_secrets TO pganalytics_admin;
GRANT SELECT, DELETE ON pganalytics.alert_channel_states TO pganalytics_admin;
GRANT SELECT, DELETE,
      INSERT (channel, fingerprint, group_key, status, alert, latest, created_at, waiting_since, due_at),
      UPDATE (state, due_at, waiting_since, attempts, settled_at)
    ON pganalytics.alert_outbox TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.external_url(),
    pganalytics.alert_time(timestamptz),
    pganalytics.check_alert_channel(),
    pganalytics.follow_alert_channel(),
    pganalytics.set_channel_secret(text, text),
    pganalytics.test_channel(text),
    pganalytics.redeliver(bigint[]),
    pganalytics.redeliver(text)
    TO pganalytics_admin;
GRANT SELECT ON pganalytics.alert_channels, pganalytics.alert_channel_secrets TO pganalytics_alerts;
GRANT SELECT,
      INSERT (channel, alert_id, fingerprint, group_key, status, alert, latest, created_at, waiting_since,
              due_at),
      UPDATE (latest, state, due_at, waiting_since, attempts, settled_at, last_status, last_error)
    ON pganalytics.alert_outbox TO pganalytics_alerts;
GRANT SELECT, INSERT, UPDATE (resend_at, attempts, last_status, last_error, anchor, anchored_at)
    ON pganalytics.alert_channel_states TO pganalytics_alerts;
GRANT SELECT, INSERT, UPDATE (compared_at, compared)
    ON pganalytics.alert_outbox_state TO pganalytics_alerts;
GRANT EXECUTE ON FUNCTION
    pganalytics.server_url(),
    pganalytics.audit_head(),
    pganalytics.external_url(),
    pganalytics.alert_time(timestamptz),
    pganalytics.alert_texts(jsonb),
    pganalytics.alert_notice(pganalytics.alerts, text, text),
    pganalytics.alert_group_labels(jsonb, text[]),
    pganalytics.alert_group_key(jsonb),
    pganalytics.alert_line(text),
    pganalytics.alert_subject(jsonb),
    pganalytics.alert_text(jsonb, integer),
    pganalytics.alertmanager_body(jsonb, timestamptz),
    pganalytics.webhook_body(text, text, jsonb, jsonb),
    pganalytics.slack_body(jsonb),
    pganalytics.queue_anchors(timestamptz),
    pganalytics.queue_notifications(timestamptz),
    pganalytics.alert_backoff(integer, double precision),
    pganalytics.settle_delivery(text, text, bigint[], text, integer, text, interval, timestamptz),
    pganalytics.told_alerts(text, timestamptz),
    pganalytics.take_deliveries(timestamptz, text[])
    TO pganalytics_alerts;
