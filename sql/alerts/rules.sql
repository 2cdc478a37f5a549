-- The built-in rules about this server: security, changes, and whether pushes of collectors arrive.
-- Each rule is an INSERT. If its query reads what viewers may not read, a GRANT to
-- pganalytics_rules follows. docs/use/alerts.md lists all rules.

-- Each query runs as pganalytics_rules. It takes the time from evaluation_time(), so that
-- backtest_rule() can run it for a past time. If a rule can only see the present, it says so.

-- All rules name their labels `collector`, `server` and `database` alike, so that inhibitions and
-- silences can compare them. select_findings() keeps one sender from filling a rule. Only a rule
-- with more than 100,000 rows fails, so a rule with a row for each stranger returns the worst.

-- A record of refusals, denials or failed logins has a count and the number of seconds in which they
-- occurred. If these seconds began before the window of the rule, the rule counts only the part
-- inside the window, as if they were spread evenly. While they continue, they are recorded at least
-- every ten minutes: such rules keep firing for that long.
INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, keep_firing_for, annotations, query) VALUES
(true, 'failed_login_surge', 'warning', '>', 'pganalytics.alert_failed_login_threshold', '15 s', '10 min',
 '{"summary": "failed logins in five minutes: {{ $value }}; most: {{ $labels.__who }}",
   "description": "To PostgreSQL and at the port for people, of all roles and addresses together. All of them: events auth.login_failed of pganalytics.audit_log."}',
$$-- One sum without labels, because an attacker changes addresses and names. Logins that were
-- refused after too many wrong passwords count, too: they are events security.rate_limited.
-- A name that is no role is not shown: it may be a password in the wrong field.
WITH failed AS (
    SELECT CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = l.actor) THEN l.actor
                WHEN l.actor IS NOT NULL THEN 'no role' END AS actor, l.address,
           coalesce((l.details ->> 'count')::numeric, 1)
           * least(1, (300 - extract(epoch FROM pganalytics.evaluation_time() - l.occurred_at))
                      / (l.details ->> 'seconds')::numeric) AS logins
    FROM pganalytics.audit_log l
    WHERE (l.event = 'auth.login_failed'
           OR l.event = 'security.rate_limited' AND l.details ->> 'reason' = 'too many wrong passwords')
      AND l.occurred_at > pganalytics.evaluation_time() - interval '5 minutes'
      AND l.occurred_at <= pganalytics.evaluation_time()
      AND l.recorded_at > pganalytics.evaluation_time() - interval '5 minutes')
SELECT coalesce(sum(f.logins), 0) AS value,
       (SELECT string_agg(m.who || ' (' || m.logins || ')', ', ' ORDER BY m.logins DESC, m.who)
        FROM (SELECT concat_ws(' from ', w.actor, w.address) AS who, ceil(sum(w.logins)) AS logins
              FROM failed w GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5) m) AS __who
FROM failed f$$);
GRANT SELECT ON pganalytics.audit_log TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, keep_firing_for, annotations, query) VALUES
(true, 'rate_limit_abuse', 'warning', '>=', 'pganalytics.alert_rate_limit_threshold', '15 s', '10 min',
 '{"summary": "refusals of {{ $labels.address }} in five minutes: {{ $value }}",
   "description": "It goes on asking beyond pganalytics.rate_limit_* or after too many wrong passwords. Routes and collectors: events security.rate_limited of pganalytics.audit_log; now: pganalytics.rate_limits."}',
$$-- Failures are summed by address. As for the rate limits, an IPv6 address stands for its /64.
SELECT CASE WHEN l.address LIKE '%:%' THEN network(set_masklen(l.address::inet, 64))::text
            ELSE l.address END AS address,
       sum(coalesce((l.details ->> 'count')::numeric, 1)
           * least(1, (300 - extract(epoch FROM pganalytics.evaluation_time() - l.occurred_at))
                      / (l.details ->> 'seconds')::numeric)) AS value
FROM pganalytics.audit_log l
WHERE l.event = 'security.rate_limited' AND l.address IS NOT NULL
  AND l.occurred_at > pganalytics.evaluation_time() - interval '5 minutes'
  AND l.occurred_at <= pganalytics.evaluation_time()
  AND l.recorded_at > pganalytics.evaluation_time() - interval '5 minutes'
GROUP BY 1
ORDER BY value DESC LIMIT 10000$$);
GRANT SELECT ON pganalytics.audit_log TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, keep_firing_for, annotations, query) VALUES
(true, 'unusual_access', 'warning', '>=', 'pganalytics.alert_access_threshold', '10 s', '10 min',
 '{"summary": "different objects that {{ $labels.actor }} was refused in a minute: {{ $value }}",
   "description": "Somebody, or a program, tries what there is. Which objects and routes: events access.* of pganalytics.audit_log."}',
$$-- The audit log has only refused accesses: to a route, a relation or a function. It names the first
-- 20 objects of an actor. Of those beyond, it counts the refusals together (of_many): each of them
-- counts as one more object.
SELECT l.actor,
       count(DISTINCT (l.database, l.resource_type, l.resource_id))
           FILTER (WHERE l.resource_id IS NOT NULL)
       + coalesce(round(sum((l.details ->> 'count')::numeric
                 * least(1, (60 - extract(epoch FROM pganalytics.evaluation_time() - l.occurred_at))
                            / (l.details ->> 'seconds')::numeric))
           FILTER (WHERE l.details ? 'of_many')), 0) AS value
FROM pganalytics.audit_log l
WHERE l.event IN ('access.denied', 'access.violation')
  AND l.actor IS NOT NULL AND (l.resource_id IS NOT NULL OR l.details ? 'of_many')
  AND l.occurred_at > pganalytics.evaluation_time() - interval '1 minute'
  AND l.occurred_at <= pganalytics.evaluation_time()
  AND l.recorded_at > pganalytics.evaluation_time() - interval '1 minute'
GROUP BY l.actor
ORDER BY value DESC LIMIT 10000$$);
GRANT SELECT ON pganalytics.audit_log TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'configuration_changed', 'info', '>', 0, '15 s',
 '{"summary": "{{ $labels.resource }}: {{ $labels.event }} by {{ $labels.actor }}",
   "description": "Changes in 15 minutes: {{ $value }}. Old and new values: this event in pganalytics.audit_log."}',
$$-- This counts each change of a setting, of a collector's limit, of an alert rule or of a channel. Of
-- a change that came with a reload or a restart nobody knows who has edited the file.
SELECT l.event, coalesce(l.actor, '(a file)') AS actor, l.resource_id AS resource, c.name AS collector, count(*) AS value
FROM pganalytics.audit_log l
LEFT JOIN pganalytics.collectors c
       ON l.resource_type = 'collector' AND l.resource_id = c.collector_id::text
WHERE (l.event LIKE 'settings.%'
       OR l.event IN ('security.configured', 'collector.configured', 'alert.rule_changed',
                      'alert.channel_changed', 'alert.inhibition_changed', 'audit.replaced'))
  AND l.occurred_at > pganalytics.evaluation_time() - interval '15 minutes'
  AND l.occurred_at <= pganalytics.evaluation_time()
  AND l.recorded_at > pganalytics.evaluation_time() - interval '15 minutes'
GROUP BY l.event, l.actor, l.resource_id, c.name
ORDER BY max(l.id) DESC LIMIT 10000$$);
GRANT SELECT ON pganalytics.audit_log TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'audit_gap', 'critical', '>', 0, '15 s',
 '{"summary": "the audit log: {{ $labels.event }}",
   "description": "Events are missing, or somebody has tried to change rows. SELECT * FROM pganalytics.verify_audit_log(), and the event itself, say what."}',
$$SELECT l.event, l.details ->> 'reason' AS reason, count(*) AS value
FROM pganalytics.audit_log l
WHERE l.event IN ('audit.gap', 'audit.change_refused')
  AND l.occurred_at > pganalytics.evaluation_time() - interval '1 hour'
  AND l.occurred_at <= pganalytics.evaluation_time()
  AND l.recorded_at > pganalytics.evaluation_time() - interval '1 hour'
GROUP BY 1, 2$$);
GRANT SELECT ON pganalytics.audit_log TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, annotations, query) VALUES
(true, 'certificate_expiring', 'warning', '<', 'pganalytics.alert_certificate_days', '10 min',
 '{"summary": "{{ $labels.kind }} {{ $labels.collector }}{{ $labels.name }} expires in {{ $value }} days",
   "description": "It should have been replaced by now. What to do: docs/operate/pki.md; all dates: pganalytics.certificate_expiry."}',
$$-- renew_at is after 2/3 of the validity. The alert comes only if a tenth of the rest has passed
-- without a renewal, so a certificate that is valid for three days alone does not raise it.
SELECT e.kind, CASE WHEN e.kind = 'collector' THEN e.name END AS collector,
       CASE WHEN e.kind <> 'collector' THEN e.name END AS name,
       round(extract(epoch FROM e.expires_at - pganalytics.evaluation_time()) / 86400, 3) AS value
FROM pganalytics.certificate_expiry e
WHERE pganalytics.evaluation_time() >= e.renew_at + (e.expires_at - e.renew_at) / 10$$);
GRANT SELECT ON pganalytics.certificate_expiry TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, annotations, query) VALUES
(true, 'collector_silent', 'critical', '>', 'pganalytics.alert_collector_silent', '15 s',
 '{"summary": "no push of {{ $labels.collector }} about {{ $labels.server }} for {{ $value }} s",
   "description": "The collector or its host is down, cannot reach this server, or is refused; or the monitored server does not let it in. A collector that has gone for good: pganalytics.set_collector_enabled(name, false)."}',
$$-- A server is known from its first push on. Nobody could push while this server was down, so time
-- before its start does not count, unless the rule is evaluated for an earlier time. Who was silent
-- before stays so until a push comes.
SELECT c.name AS collector, v.name AS server,
       floor(extract(epoch FROM pganalytics.evaluation_time() - greatest(
           coalesce(p.received_at, pganalytics.evaluation_time() - interval '8 days'),
           CASE WHEN f.server IS NULL AND pg_postmaster_start_time() <= pganalytics.evaluation_time()
                THEN pg_postmaster_start_time() END))) AS value
FROM pganalytics.collectors c
JOIN pganalytics.servers v ON v.collector_id = c.collector_id
LEFT JOIN (SELECT a.labels ->> 'collector' AS collector, a.labels ->> 'server' AS server
           FROM pganalytics.alerts a
           WHERE a.rule = 'collector_silent' AND a.state = 'firing'
             AND a.fired_at <= pganalytics.evaluation_time()) f
       ON f.collector = c.name AND f.server = v.name
LEFT JOIN LATERAL (
    SELECT a.received_at FROM pganalytics.push_accounts a
    WHERE a.server_id = v.server_id
      AND a.received_at > pganalytics.evaluation_time() - interval '8 days'
      AND a.received_at <= pganalytics.evaluation_time()
    ORDER BY a.received_at DESC LIMIT 1) p ON true
WHERE c.enabled AND NOT v.over_quota AND v.first_seen <= pganalytics.evaluation_time()$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    annotations, query) VALUES
(true, 'query_limit_exceeded', 'warning', '>', 'pganalytics.query_limit_alert_threshold',
 '{"summary": "{{ $labels.collector }}: queries of {{ $labels.database }} on {{ $labels.server }} beyond the limit",
   "description": "A share of {{ $value }} of the queries seen in the last hour has no series of its own: their sums are in \"other\". pganalytics.query_limit_exceeded says how many; pganalytics.set_query_limit() raises the limit."}',
$$-- This is the view pganalytics.query_limit_exceeded for any evaluation time.
SELECT c.name AS collector, v.name AS server, b.name AS database,
       round(h.beyond_limit / h.queries, 4) AS value
FROM pganalytics.servers v
JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
CROSS JOIN LATERAL (
    SELECT a.database_id, sum(a.beyond_limit) AS beyond_limit, sum(a.queries) AS queries
    FROM pganalytics.push_accounts a
    WHERE a.server_id = v.server_id
      AND a.received_at > pganalytics.evaluation_time() - interval '1 hour'
      AND a.received_at <= pganalytics.evaluation_time()
    GROUP BY a.database_id
    HAVING sum(a.beyond_limit) > 0) h
JOIN pganalytics.databases b ON b.server_id = v.server_id AND b.database_id = h.database_id$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, annotations, query)
VALUES (true, 'ingest_discards', 'warning', '>', 0,
 '{"summary": "discarded rows of {{ $labels.collector }} about {{ $labels.server }}: {{ $value }}",
   "description": "In 15 minutes: {{ $labels.reason }}. too_old and in_future: a clock, or an outage longer than the retention; too_large: a row beyond the limits of docs/reference/protocol.md; over_quota: pganalytics.collector_usage shows what the collector has and may have. By hour: pganalytics.ingest_accounting."}',
$$SELECT c.name AS collector, v.name AS server, d.reason, d.rows AS value
FROM pganalytics.servers v
JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
CROSS JOIN LATERAL (
    SELECT sum(a.discarded_too_old) AS too_old, sum(a.discarded_in_future) AS in_future,
           sum(a.discarded_too_large) AS too_large, sum(a.discarded_over_quota) AS over_quota
    FROM pganalytics.push_accounts a
    WHERE a.server_id = v.server_id
      AND a.received_at > pganalytics.evaluation_time() - interval '15 minutes'
      AND a.received_at <= pganalytics.evaluation_time()) s
CROSS JOIN LATERAL (VALUES ('too_old', s.too_old), ('in_future', s.in_future),
                           ('too_large', s.too_large), ('over_quota', s.over_quota)) AS d (reason, rows)
WHERE d.rows > 0$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'accounting_violation', 'critical', '>', 0, '5 min',
 '{"summary": "pushes whose accounts do not add up: {{ $value }}",
   "description": "Of {{ $labels.collector }} about {{ $labels.server }}, in the last hour: rows were lost or counted twice, or somebody has changed tables. pganalytics.accounting_violations says which pushes."}',
$$SELECT c.name AS collector, v.name AS server, count(*) AS value
FROM pganalytics.accounting_violations x
LEFT JOIN pganalytics.servers v ON v.server_id = x.server_id
LEFT JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
WHERE x.received_at > pganalytics.evaluation_time() - interval '1 hour'
  AND x.received_at <= pganalytics.evaluation_time()
GROUP BY 1, 2$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold_setting,
    evaluate_every, annotations, query) VALUES
(true, 'ingest_stalled', 'critical', '>', 'pganalytics.alert_collector_silent', '15 s',
 '{"summary": "no push of any collector was stored for {{ $value }} s",
   "description": "Several pushed until then, or requests are being refused: it is this server, its disk or the network before it. Workers and their last errors: pganalytics.workers."}',
$$-- If only one collector falls silent and nothing is refused, collector_silent reports it, not this rule.
-- Once it fires, it goes on until a push comes: a restart of this server empties what it looks at.
SELECT floor(extract(epoch FROM pganalytics.evaluation_time() - greatest(
           s.last, CASE WHEN NOT s.fires AND pg_postmaster_start_time() <= pganalytics.evaluation_time()
                        THEN pg_postmaster_start_time() END))) AS value
FROM (SELECT c.collector_id, p.received_at, max(p.received_at) OVER () AS last,
             EXISTS (SELECT FROM pganalytics.alerts a
                     WHERE a.rule = 'ingest_stalled' AND a.state = 'firing'
                       AND a.fired_at <= pganalytics.evaluation_time()) AS fires
      FROM pganalytics.collectors c
      JOIN pganalytics.servers v ON v.collector_id = c.collector_id
      CROSS JOIN LATERAL (
          SELECT a.received_at FROM pganalytics.push_accounts a
          WHERE a.server_id = v.server_id
            AND a.received_at > pganalytics.evaluation_time() - interval '8 days'
            AND a.received_at <= pganalytics.evaluation_time()
          ORDER BY a.received_at DESC LIMIT 1) p
      WHERE c.enabled) s
WHERE s.received_at > s.last - interval '10 minutes'
GROUP BY s.last, s.fires
HAVING s.fires OR count(DISTINCT s.collector_id) > 1
    OR EXISTS (SELECT FROM (SELECT w.refused > lag(w.refused) OVER (PARTITION BY w.number
                                                                    ORDER BY w.sampled_at) AS refusing
                            FROM pganalytics.self_samples w
                            WHERE w.kind = 'ingest'
                              AND w.sampled_at > pganalytics.evaluation_time() - interval '5 minutes'
                              AND w.sampled_at <= pganalytics.evaluation_time()) r
               WHERE r.refusing)$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'disk_space_low', 'critical', '<', 4, '15 s',
 '{"summary": "this server: free space for {{ $labels.place }} is {{ $value }} times what is kept free",
   "description": "Below 1 pushes are refused with 503 until there is room; collectors keep their data. Sizes: SELECT * FROM pganalytics.disk_space(); what is kept: pganalytics.min_free_space."}',
$$-- The rule shows only the present, because the server keeps no history of its disks.
SELECT d.place, t.spcname AS tablespace, round(d.free_bytes::numeric / d.refused_below, 2) AS value
FROM pganalytics.disk_space() d
LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = d.tablespace
WHERE d.refused_below IS NOT NULL$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, annotations, query)
VALUES (true, 'gateway_restarting', 'critical', '>', 3,
 '{"summary": "the gateway of {{ $labels.worker }} worker {{ $labels.number }} has started {{ $value }} times in ten minutes",
   "description": "It dies, or its worker does; each time its connections are cut. Why: the server log; what is wrong now: last_error of pganalytics.workers. A reload does not count."}',
$$-- The totals start at 0 when the server starts.
SELECT d.kind AS worker, d.number,
       greatest(sum(CASE WHEN d.gateway < d.gateway_before THEN d.gateway
                         ELSE d.gateway - d.gateway_before END),
                sum(CASE WHEN d.worker < d.worker_before THEN d.worker
                         ELSE d.worker - d.worker_before END)) AS value
FROM (SELECT s.kind, s.number, s.gateway_restarts AS gateway, s.restarts AS worker,
             lag(s.gateway_restarts) OVER by_time AS gateway_before,
             lag(s.restarts) OVER by_time AS worker_before
      FROM pganalytics.self_samples s
      WHERE s.sampled_at > pganalytics.evaluation_time() - interval '11 minutes'
        AND s.sampled_at <= pganalytics.evaluation_time()
      WINDOW by_time AS (PARTITION BY s.kind, s.number ORDER BY s.sampled_at)) d
WHERE d.gateway_before IS NOT NULL
GROUP BY d.kind, d.number$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'alert_rule_failing', 'warning', '>', 0, '15 s',
 '{"summary": "failures of rule {{ $labels.rule }} in a row: {{ $value }}",
   "description": "While it fails its alerts stay as they are. Why: last_error of pganalytics.alert_rule_states."}',
$$-- The rule shows only the present, because alert_rule_states keeps no history.
SELECT s.rule, s.failures AS value
FROM pganalytics.alert_rule_states s
JOIN pganalytics.alert_rules r ON r.name = s.rule
WHERE r.enabled AND s.failures > 0$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold,
    evaluate_every, annotations, query) VALUES
(true, 'alert_delivery_failed', 'critical', '>', 0, '15 s',
 '{"summary": "notifications for {{ $labels.channel }} that were given up in the last hour: {{ $value }}",
   "description": "The receiver has refused them, or could not be reached for give_up_after. Why: last_error of pganalytics.alert_outbox where state is dead."}',
$$SELECT o.channel, count(*) AS value
FROM pganalytics.alert_outbox o
WHERE o.state = 'dead'
  AND o.settled_at > pganalytics.evaluation_time() - interval '1 hour'
  AND o.settled_at <= pganalytics.evaluation_time()
GROUP BY o.channel$$);
GRANT SELECT (channel, state, settled_at) ON pganalytics.alert_outbox TO pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, annotations, query)
VALUES (true, 'alert_rule_truncated', 'warning', '>', 0,
 '{"summary": "{{ $labels.rule }}: of {{ $labels.source }} there is too much to look at, {{ $value }} beyond the limit",
   "description": "A rule makes at most 100 alerts of one collector or actor and 1,000 in all, and looks at 20,000 series of a relation and collector. Others are still seen; of this one something is not. Is it a fault, or an attack? Numbers: left_out of pganalytics.alert_rule_states."}',
$$-- The rule shows only the present, because alert_rule_states keeps no history.
SELECT s.rule, s.left_out_of AS source, s.left_out AS value
FROM pganalytics.alert_rule_states s
JOIN pganalytics.alert_rules r ON r.name = s.rule
WHERE r.enabled AND s.left_out > 0
UNION ALL
SELECT m.relation, c.name, count(*) - 20000
FROM pganalytics.metric_series m
JOIN pganalytics.servers v ON v.server_id = m.server_id
JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
WHERE m.relation IN ('filesystem_samples', 'replication_samples', 'replication_slot_samples',
                     'wraparound_samples')
GROUP BY m.relation, c.name HAVING count(*) > 20000$$);

-- The heartbeat fires always. It is no problem, so nothing counts it, mutes it or shows it among the
-- alerts that fire; it is sent to channels with heartbeat_every, and to nobody else. Whoever
-- receives it knows that rules are evaluated and that alerts arrive; its absence is the alarm.
INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, evaluate_every,
    annotations, query) VALUES
(true, 'heartbeat', 'info', '>', 0, '15 s',
 '{"summary": "this server evaluates its alert rules and delivers alerts",
   "description": "It always fires. Have an alarm when it no longer arrives."}',
$$SELECT 1 AS value$$);

-- If a collector is silent, the samples of its server are old and show nothing: mute the other
-- alerts about that server.
INSERT INTO pganalytics.alert_inhibitions (builtin, name, source_matchers, target_matchers, equal_labels)
VALUES (true, 'collector_silent', '[{"name": "alertname", "value": "collector_silent"}]',
        '[{"name": "alertname", "value": "collector_silent", "isEqual": false},
          {"name": "server", "value": ".+", "isRegex": true}]', '{collector,server}');
-- When no push at all is stored, one alert is enough: mute collector_silent for every collector.
INSERT INTO pganalytics.alert_inhibitions (builtin, name, source_matchers, target_matchers, equal_labels)
VALUES (true, 'ingest_stalled', '[{"name": "alertname", "value": "ingest_stalled"}]',
        '[{"name": "alertname", "value": "collector_silent"}]', '{}');
