-- The tables of alerts: rules, the alerts that they find, channels, and notifications. The query of
-- a rule returns label sets. A row of pganalytics.alerts stands for one of them, from the time the
-- rule first finds it until the alert ends. If the rule finds it again later, it gets a new row.

CREATE TABLE pganalytics.alert_rules (
    name text PRIMARY KEY CHECK (name ~ '^[a-zA-Z_][a-zA-Z0-9_]{0,62}$'),
    query text NOT NULL CHECK (query <> ''),
    comparison text NOT NULL DEFAULT '>' CHECK (comparison IN ('>', '>=', '<', '<=', '=', '<>')),
    threshold double precision,
    threshold_setting text CHECK (threshold_setting ~ '^pganalytics\.[a-z_]+$'),
    pending_for interval NOT NULL DEFAULT '0' CHECK (pending_for BETWEEN '0' AND '7 days'),
    keep_firing_for interval NOT NULL DEFAULT '0' CHECK (keep_firing_for BETWEEN '0' AND '7 days'),
    severity text NOT NULL DEFAULT 'warning' CHECK (severity IN ('info', 'warning', 'critical')),
    evaluate_every interval NOT NULL DEFAULT '1 min' CHECK (evaluate_every BETWEEN '1 s' AND '1 day'),
    time_limit interval NOT NULL DEFAULT '5 s' CHECK (time_limit BETWEEN '10 ms' AND '1 min'),
    labels jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(labels) = 'object'),
    annotations jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(annotations) = 'object'),
    runbook_url text CHECK (runbook_url ~ '^https?://'),
    enabled boolean NOT NULL DEFAULT true,
    builtin boolean NOT NULL DEFAULT false,
    changed_at timestamptz,
    changed_by name,
    CONSTRAINT alert_rules_threshold CHECK (threshold IS NOT NULL OR threshold_setting IS NOT NULL)
);
COMMENT ON TABLE pganalytics.alert_rules IS
    'rules of alerts: a query whose rows are label sets, except the column "value"';
COMMENT ON COLUMN pganalytics.alert_rules.query IS
    'SELECT of a column "value" (a number) and of labels, all other columns; it takes the time from pganalytics.evaluation_time()';
COMMENT ON COLUMN pganalytics.alert_rules.comparison IS 'how value and threshold compare while the alert lasts';
COMMENT ON COLUMN pganalytics.alert_rules.threshold IS 'NULL: that of the setting named in threshold_setting';
COMMENT ON COLUMN pganalytics.alert_rules.pending_for IS 'how long an alert must be found before it fires ("for" of Prometheus)';
COMMENT ON COLUMN pganalytics.alert_rules.keep_firing_for IS 'how long an alert keeps firing after it was last found';
COMMENT ON COLUMN pganalytics.alert_rules.labels IS 'labels of all alerts of the rule, beside alertname and severity';
COMMENT ON COLUMN pganalytics.alert_rules.annotations IS
    'texts by name, in which {{ $labels.x }} and {{ $value }} are replaced';
COMMENT ON COLUMN pganalytics.alert_rules.builtin IS 'made by the extension; pg_dump keeps it only if it was changed';
GRANT SELECT ON pganalytics.alert_rules
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;
-- Administrators may not write builtin, changed_at and changed_by: the trigger guard_alert_rules()
-- sets them.
GRANT DELETE,
      INSERT (name, query, comparison, threshold, threshold_setting, pending_for, keep_firing_for, severity,
              evaluate_every, time_limit, labels, annotations, runbook_url, enabled),
      UPDATE (name, query, comparison, threshold, threshold_setting, pending_for, keep_firing_for, severity,
              evaluate_every, time_limit, labels, annotations, runbook_url, enabled)
    ON pganalytics.alert_rules TO pganalytics_admin;

CREATE TABLE pganalytics.alert_rule_states (
    rule text PRIMARY KEY,
    evaluate_at timestamptz NOT NULL DEFAULT '-infinity',
    evaluated_at timestamptz,
    duration_ms double precision,
    label_sets integer,
    left_out integer NOT NULL DEFAULT 0,
    left_out_of text,
    failures bigint NOT NULL DEFAULT 0,
    failing_since timestamptz,
    last_error text
);
COMMENT ON TABLE pganalytics.alert_rule_states IS 'when each rule was last evaluated, and the result';
COMMENT ON COLUMN pganalytics.alert_rule_states.evaluate_at IS 'when it is due again';
COMMENT ON COLUMN pganalytics.alert_rule_states.left_out IS
    'findings beyond the threshold that became no alert, because their collector or the rule had too many';
COMMENT ON COLUMN pganalytics.alert_rule_states.left_out_of IS
    'the collector or actor with the most of them; NULL: findings that name neither';
COMMENT ON COLUMN pganalytics.alert_rule_states.failures IS 'evaluations in a row that have failed';
GRANT SELECT ON pganalytics.alert_rule_states
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT, INSERT, UPDATE, DELETE ON pganalytics.alert_rule_states TO pganalytics_alerts;

CREATE TABLE pganalytics.alerts (
    alert_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    rule text NOT NULL,
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
    labels jsonb NOT NULL,
    annotations jsonb NOT NULL DEFAULT '{}',
    severity text NOT NULL,
    runbook_url text,
    state text NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
    value double precision,
    peak double precision,
    started_at timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    fired_at timestamptz,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by name,
    acknowledgement text,
    CONSTRAINT alerts_times CHECK ((state <> 'pending') = (fired_at IS NOT NULL)
                                   AND (state = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE UNIQUE INDEX alerts_active ON pganalytics.alerts (fingerprint) WHERE state <> 'resolved';
CREATE INDEX alerts_rule ON pganalytics.alerts (rule) WHERE state <> 'resolved';
CREATE INDEX alerts_resolved ON pganalytics.alerts (resolved_at) WHERE state = 'resolved';
COMMENT ON TABLE pganalytics.alerts IS
    'what rules found: one row for each time that a label set was pending and fired';
COMMENT ON COLUMN pganalytics.alerts.fingerprint IS 'of the labels: 16 hex digits, the same for each episode';
COMMENT ON COLUMN pganalytics.alerts.labels IS 'texts by name, with alertname and severity';
COMMENT ON COLUMN pganalytics.alerts.peak IS 'its value that was farthest beyond the threshold';
COMMENT ON COLUMN pganalytics.alerts.started_at IS 'when it became pending';
COMMENT ON COLUMN pganalytics.alerts.found_at IS 'when its rule last found it';
GRANT SELECT ON pganalytics.alerts
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
-- People may not write acknowledged_by: the trigger stamp_acknowledgement() sets it.
GRANT UPDATE (acknowledged_at, acknowledgement) ON pganalytics.alerts
    TO pganalytics_operator, pganalytics_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON pganalytics.alerts TO pganalytics_alerts;

CREATE TABLE pganalytics.alert_history (
    alert_id bigint NOT NULL,
    at timestamptz NOT NULL,
    change text NOT NULL CHECK (change IN ('pending', 'firing', 'resolved', 'acknowledged',
                                           'unacknowledged', 'escalated')),
    value double precision,
    actor name,
    comment text
);
CREATE INDEX alert_history_alert ON pganalytics.alert_history (alert_id, at);
COMMENT ON TABLE pganalytics.alert_history IS 'every change of every alert';
GRANT SELECT ON pganalytics.alert_history
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT, INSERT, UPDATE, DELETE ON pganalytics.alert_history TO pganalytics_alerts;

CREATE TABLE pganalytics.alert_silences (
    silence_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    matchers jsonb NOT NULL,
    starts_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    ends_at timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL DEFAULT current_user,
    ended_by name,
    CHECK (ends_at >= starts_at AND ends_at < 'infinity')
);
COMMENT ON TABLE pganalytics.alert_silences IS 'for a while nobody is notified of alerts with these labels';
COMMENT ON COLUMN pganalytics.alert_silences.matchers IS
    'as in Alertmanager: [{"name", "value", "isRegex": false, "isEqual": true}, ...]; all must match';
GRANT SELECT ON pganalytics.alert_silences
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;
GRANT DELETE ON pganalytics.alert_silences TO pganalytics_alerts;
GRANT INSERT (matchers, starts_at, ends_at, reason), UPDATE (starts_at, ends_at) ON pganalytics.alert_silences
    TO pganalytics_operator, pganalytics_admin;

CREATE TABLE pganalytics.maintenance_windows (
    name text PRIMARY KEY CHECK (name <> ''),
    matchers jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    duration interval NOT NULL CHECK (duration BETWEEN '1 min' AND '7 days'),
    repeat_every interval,
    time_zone text NOT NULL DEFAULT 'UTC'
        CHECK (pg_catalog.timezone(time_zone, timestamp '2000-01-01') IS NOT NULL),
    reason text NOT NULL CHECK (reason <> ''),
    enabled boolean NOT NULL DEFAULT true,
    created_by name NOT NULL DEFAULT current_user,
    CONSTRAINT maintenance_windows_repeat CHECK (
        repeat_every >= duration
        AND pg_catalog.date_trunc('month', repeat_every) = '0')
);
COMMENT ON TABLE pganalytics.maintenance_windows IS 'planned silences, once or repeated';
COMMENT ON COLUMN pganalytics.maintenance_windows.repeat_every IS
    'in days or hours; NULL: only once. Months have no length of their own';
COMMENT ON COLUMN pganalytics.maintenance_windows.time_zone IS
    'where it begins at the same hour each time';
GRANT SELECT ON pganalytics.maintenance_windows
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;
GRANT DELETE,
      INSERT (name, matchers, starts_at, duration, repeat_every, time_zone, reason, enabled),
      UPDATE (matchers, starts_at, duration, repeat_every, time_zone, reason, enabled)
    ON pganalytics.maintenance_windows TO pganalytics_operator, pganalytics_admin;

CREATE TABLE pganalytics.alert_inhibitions (
    name text PRIMARY KEY CHECK (name <> ''),
    source_matchers jsonb NOT NULL,
    target_matchers jsonb NOT NULL,
    equal_labels text[] NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    builtin boolean NOT NULL DEFAULT false,
    changed_at timestamptz,
    changed_by name
);
COMMENT ON TABLE pganalytics.alert_inhibitions IS
    'while an alert that matches the source fires, nobody is notified of alerts that match the target and have the same values of equal_labels';
GRANT SELECT ON pganalytics.alert_inhibitions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;
GRANT DELETE,
      INSERT (name, source_matchers, target_matchers, equal_labels, enabled),
      UPDATE (source_matchers, target_matchers, equal_labels, enabled)
    ON pganalytics.alert_inhibitions TO pganalytics_admin;

CREATE TABLE pganalytics.alert_channels (
    name text PRIMARY KEY CHECK (name ~ '^[a-zA-Z0-9_.-]{1,63}$'),
    kind text NOT NULL CHECK (kind IN ('alertmanager', 'webhook', 'slack', 'email')),
    url text,
    mail_to text[],
    authentication text NOT NULL DEFAULT 'none' CHECK (authentication IN ('none', 'hmac', 'bearer')),
    matchers jsonb NOT NULL DEFAULT '[]',
    group_by text[] NOT NULL DEFAULT '{alertname}',
    group_wait interval NOT NULL DEFAULT '10 s' CHECK (group_wait BETWEEN '0' AND '1 hour'),
    repeat_every interval NOT NULL DEFAULT '4 hours' CHECK (repeat_every >= '0'),
    send_resolved boolean NOT NULL DEFAULT true,
    escalate_after interval CHECK (escalate_after BETWEEN '0' AND '7 days'),
    give_up_after interval NOT NULL DEFAULT '1 day' CHECK (give_up_after BETWEEN '1 s' AND '30 days'),
    anchors boolean NOT NULL DEFAULT false,
    heartbeat_every interval CHECK (heartbeat_every BETWEEN '30 s' AND '1 day'),
    enabled boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE pganalytics.alert_channels IS 'to whom alerts are sent';
COMMENT ON COLUMN pganalytics.alert_channels.matchers IS 'which alerts; [] all';
COMMENT ON COLUMN pganalytics.alert_channels.group_wait IS 'how long the first alert of a group waits for others';
COMMENT ON COLUMN pganalytics.alert_channels.repeat_every IS 'how long after it was sent an alert is sent again, if it still fires and nobody has acknowledged it; 0: never';
COMMENT ON COLUMN pganalytics.alert_channels.escalate_after IS 'only alerts that have fired for this long and that nobody has acknowledged';
COMMENT ON COLUMN pganalytics.alert_channels.give_up_after IS 'how long delivery of a notification is retried before it is dead';
COMMENT ON COLUMN pganalytics.alert_channels.anchors IS 'whether the head of the audit log is sent, too, in each minute in which it has changed';
COMMENT ON COLUMN pganalytics.alert_channels.heartbeat_every IS 'how often the alert "heartbeat" is sent, whose absence means that this server watches nothing; NULL: never';
COMMENT ON COLUMN pganalytics.alert_channels.enabled IS 'false: nothing is queued, and what waits keeps waiting';
-- These roles may not read url and mail_to: a URL can itself be a secret, for example the URL of a
-- Slack webhook.
GRANT SELECT (name, kind, authentication, matchers, group_by, group_wait, repeat_every, send_resolved,
              escalate_after, give_up_after, anchors, heartbeat_every, enabled)
    ON pganalytics.alert_channels TO pganalytics_viewer, pganalytics_operator, pganalytics_rules;
GRANT SELECT, DELETE,
      INSERT (name, kind, url, mail_to, authentication, matchers, group_by, group_wait, repeat_every,
              send_resolved, escalate_after, give_up_after, anchors, heartbeat_every, enabled),
      UPDATE (url, mail_to, authentication, matchers, group_by, group_wait, repeat_every, send_resolved,
              escalate_after, give_up_after, anchors, heartbeat_every, enabled)
    ON pganalytics.alert_channels TO pganalytics_admin;
GRANT SELECT ON pganalytics.alert_channels TO pganalytics_alerts;

CREATE TABLE pganalytics.alert_channel_secrets (
    channel text PRIMARY KEY,
    secret text NOT NULL
);
COMMENT ON TABLE pganalytics.alert_channel_secrets IS
    'keys of HMAC signatures and bearer tokens of channels; pg_dump leaves them out';
-- Only set_channel_secret() writes secrets: it refuses one that could add a header to a request.
GRANT SELECT ON pganalytics.alert_channel_secrets TO pganalytics_admin;
GRANT SELECT ON pganalytics.alert_channel_secrets TO pganalytics_alerts;

CREATE TABLE pganalytics.alert_outbox (
    notification_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    alert_id bigint,
    fingerprint text NOT NULL,
    group_key text NOT NULL,
    status text NOT NULL CHECK (status IN ('firing', 'resolved')),
    alert jsonb NOT NULL,
    latest boolean NOT NULL,
    created_at timestamptz NOT NULL,
    waiting_since timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    settled_at timestamptz,
    last_status integer,
    last_error text,
    CHECK ((state = 'waiting') = (settled_at IS NULL))
);
CREATE INDEX alert_outbox_alert ON pganalytics.alert_outbox (alert_id);
CREATE UNIQUE INDEX alert_outbox_latest ON pganalytics.alert_outbox (alert_id, channel) WHERE latest;
CREATE INDEX alert_outbox_open ON pganalytics.alert_outbox (channel, alert_id)
    WHERE latest AND status = 'firing';
CREATE INDEX alert_outbox_dead ON pganalytics.alert_outbox (channel) WHERE state = 'dead';
CREATE INDEX alert_outbox_waiting ON pganalytics.alert_outbox (channel, group_key, notification_id)
    WHERE state = 'waiting';
CREATE INDEX alert_outbox_order ON pganalytics.alert_outbox (channel, fingerprint, notification_id)
    WHERE state = 'waiting';
CREATE INDEX alert_outbox_settled ON pganalytics.alert_outbox (settled_at) WHERE state <> 'waiting';
COMMENT ON TABLE pganalytics.alert_outbox IS
    'notifications, written in the transaction that changes the alert; they are sent by group, in the order of their numbers';
COMMENT ON COLUMN pganalytics.alert_outbox.alert_id IS 'NULL: a test or the head of the audit log';
COMMENT ON COLUMN pganalytics.alert_outbox.fingerprint IS 'of the labels: notifications with the same one are sent one by one, in the order of their numbers';
COMMENT ON COLUMN pganalytics.alert_outbox.alert IS
    'as it was then, in the format of Alertmanager''s webhook: status, labels, annotations, startsAt, endsAt, generatorURL, fingerprint';
COMMENT ON COLUMN pganalytics.alert_outbox.latest IS 'the last notification of this alert for the channel';
COMMENT ON COLUMN pganalytics.alert_outbox.waiting_since IS 'when it was queued, or queued again';
COMMENT ON COLUMN pganalytics.alert_outbox.due_at IS 'it is not sent before; that of the first row of a group counts for the group';
GRANT SELECT, DELETE,
      INSERT (channel, alert_id, fingerprint, group_key, status, alert, latest, created_at, waiting_since,
              due_at),
      UPDATE (latest, state, due_at, waiting_since, attempts, settled_at, last_status, last_error)
    ON pganalytics.alert_outbox TO pganalytics_alerts;
-- Administrators write the outbox through functions only: test_channel(), redeliver() and
-- discard_dead_letters(). A row of theirs could otherwise be one that nothing can be made of.
GRANT SELECT ON pganalytics.alert_outbox TO pganalytics_admin;
