-- Prometheus: the server's own metrics, as rows and in Prometheus' text format, and the tokens of
-- the programs that read them at GET /metrics. A scrape reads all metrics. To be fast, it reads at
-- most the last entry of an index from the ledger and the samples.

-- No label names a query, a user, an address or a database of a monitored server.

CREATE TABLE pganalytics.scrape_tokens (
    name text PRIMARY KEY CHECK (name ~ '^[a-zA-Z0-9_.-]{1,63}$'),
    token_sha256 bytea NOT NULL UNIQUE CHECK (pg_catalog.length(token_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL DEFAULT current_user,
    last_used_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON TABLE pganalytics.scrape_tokens IS
    'tokens of programs that read GET /metrics; only their SHA-256 is kept';
COMMENT ON COLUMN pganalytics.scrape_tokens.last_used_at IS 'to the minute';
GRANT SELECT (name, token_sha256, last_used_at, revoked_at),
      UPDATE (last_used_at)
    ON pganalytics.scrape_tokens TO pganalytics_api;
GRANT SELECT (name, created_at, created_by, last_used_at, revoked_at),
      INSERT (name, token_sha256),
      UPDATE (revoked_at)
    ON pganalytics.scrape_tokens TO pganalytics_admin;

-- The trigger leaves out last_used_at: the audit log does not record that metrics were read.
CREATE TRIGGER audit_change
    AFTER INSERT OR DELETE OR UPDATE OF name, token_sha256, created_at, created_by, revoked_at
    ON pganalytics.scrape_tokens FOR EACH ROW EXECUTE FUNCTION pganalytics.audit_change();
ALTER TABLE pganalytics.scrape_tokens ENABLE ALWAYS TRIGGER audit_change;
CREATE TRIGGER audit_truncate AFTER TRUNCATE ON pganalytics.scrape_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.audit_change();
ALTER TABLE pganalytics.scrape_tokens ENABLE ALWAYS TRIGGER audit_truncate;

-- SECURITY INVOKER, like revoke_scrape_token(): pganalytics_admin may write the columns that are
-- written here.
CREATE FUNCTION pganalytics.create_scrape_token(name text, OUT token text, OUT url text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (name ~ '^[a-zA-Z0-9_.-]{1,63}$') IS NOT TRUE THEN
        RAISE EXCEPTION 'name of a scrape token has 1 to 63 letters, digits, dots, dashes or underscores'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use the name of the Prometheus server, for example.';
    END IF;
    token := pganalytics.new_token('pgm');
    url := pganalytics.people_url() || '/metrics';
    INSERT INTO pganalytics.scrape_tokens AS s (name, token_sha256)
    VALUES (create_scrape_token.name, sha256(convert_to(create_scrape_token.token, 'UTF8')))
    ON CONFLICT ON CONSTRAINT scrape_tokens_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'scrape token "%" already exists', name
            USING ERRCODE = 'unique_violation',
                  HINT = 'A token cannot be shown again: make one of another name and revoke this one.';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.create_scrape_token(text) IS
    'a token with which a program reads GET /metrics, shown this one time, and the address; NULL: pganalytics.api_port is 0';
GRANT EXECUTE ON FUNCTION pganalytics.create_scrape_token(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.revoke_scrape_token(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.scrape_tokens s SET revoked_at = now()
    WHERE s.name = revoke_scrape_token.name AND s.revoked_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no scrape token % to revoke', coalesce('"' || name || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Those that were made are in pganalytics.scrape_tokens.';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_scrape_token(text) IS
    'refuses a scrape token from the commit on';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_scrape_token(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.audit_buffer(
        OUT slots bigint, OUT used bigint, OUT lost bigint, OUT head_id bigint)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_buffer';
COMMENT ON FUNCTION pganalytics.audit_buffer() IS
    'the buffer of the audit log: its size in events, how many wait, how many were lost since the server started; and the number of the last row of the log';
GRANT EXECUTE ON FUNCTION pganalytics.audit_buffer()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_api;

-- The view reads its tables with the rights of its owner, so readers need no access to these
-- tables. But it calls functions with the rights of the reader. So the API worker may execute these
-- functions: it reads the view for programs that have no role.
CREATE VIEW pganalytics.prometheus_samples AS
WITH workers AS MATERIALIZED (
    SELECT w.*, jsonb_build_object('kind', w.kind, 'worker', w.number::text) AS labels,
           jsonb_build_object('worker', w.number::text) AS worker
    FROM pganalytics.worker_states() w
),
watched AS MATERIALIZED (
    SELECT v.server_id, v.name AS server, c.name AS collector,
           row_number() OVER (ORDER BY v.server_id) AS place
    FROM pganalytics.servers v JOIN pganalytics.collectors c USING (collector_id)
    WHERE c.enabled
),
expiry AS MATERIALIZED (
    SELECT e.kind, e.collector, min(e.expires_at) AS expires_at,
           row_number() OVER (ORDER BY e.collector IS NOT NULL, min(e.expires_at), e.collector) AS place
    FROM (SELECT x.kind, x.expires_at, CASE x.kind WHEN 'collector' THEN x.name END AS collector
          FROM pganalytics.certificate_expiry x) e
    GROUP BY e.kind, e.collector
)
SELECT 'pganalytics_build_info' AS name, 'gauge' AS type,
       'Always 1; versions are in the labels.' AS help,
       jsonb_build_object('version', (SELECT x.extversion FROM pg_catalog.pg_extension x
                                      WHERE x.extname = 'pganalytics'),
                          'postgresql', split_part(current_setting('server_version'), ' ', 1)) AS labels,
       1::double precision AS value
UNION ALL
SELECT 'pganalytics_worker_' || s.name, s.type, s.help, w.labels, s.value
FROM workers w CROSS JOIN LATERAL (VALUES
    ('up', 'gauge', 'Whether a background worker serves.', (w.state = 'running')::integer),
    ('restarts_total', 'counter', 'Starts of a background worker after its first.', w.restarts),
    ('start_time_seconds', 'gauge', 'Unix time at which a background worker was started.',
     EXTRACT(epoch FROM w.started_at))
    ) AS s(name, type, help, value)
UNION ALL
SELECT 'pganalytics_worker_state', 'gauge', 'The state of a background worker: 1 for the one it is in.',
       w.labels || jsonb_build_object('state', s.state), (w.state = s.state)::integer
FROM workers w
CROSS JOIN unnest(ARRAY['stopped', 'starting', 'waiting', 'running', 'terminating']) AS s(state)
UNION ALL
SELECT 'pganalytics_gateway_' || s.name, s.type, s.help, w.labels, s.value
FROM workers w CROSS JOIN LATERAL (VALUES
    ('connections', 'gauge', 'HTTPS connections that are open.', w.connections),
    ('restarts_total', 'counter', 'Starts of a gateway after the first, when no other served.',
     w.gateway_restarts)
    ) AS s(name, type, help, value)
WHERE w.kind IN ('ingest', 'api')
UNION ALL
-- Each counter of pganalytics.workers gives one sample. Its value is found by the name of its
-- column. A counter discarded_REASON gets the label "reason" from this name.
SELECT c.metric, 'counter', c.meaning,
       CASE c.counted_by WHEN 'gateway' THEN w.labels
            ELSE w.worker || jsonb_strip_nulls(jsonb_build_object(
                'reason', substring(c.name FROM '^discarded_(.*)$'))) END,
       (to_jsonb(w) ->> c.name)::double precision
FROM workers w
JOIN pganalytics.worker_counters() c
  ON w.kind = 'ingest' OR w.kind = 'api' AND c.counted_by = 'gateway'
WHERE c.metric IS NOT NULL
UNION ALL
SELECT 'pganalytics_audit_' || s.name, s.type, s.help, '{}'::jsonb, s.value
FROM pganalytics.audit_buffer() b CROSS JOIN LATERAL (VALUES
    ('buffer_events', 'gauge', 'Events on their way to the audit log.', b.used),
    ('buffer_size_events', 'gauge', 'Events for which the buffer of the audit log has room.', b.slots),
    ('events_lost_total', 'counter', 'Events that found the buffer of the audit log full.', b.lost),
    ('rows_stored_total', 'counter', 'Rows appended to the audit log.',
     (SELECT w.rows FROM workers w WHERE w.kind = 'audit')),
    ('head_id', 'gauge', 'Number of the last row of the audit log.', b.head_id)
    ) AS s(name, type, help, value)
UNION ALL
SELECT 'pganalytics_collectors', 'gauge', 'Collectors on record.',
       jsonb_build_object('state', CASE WHEN s.enabled THEN 'enabled' ELSE 'disabled' END),
       (SELECT count(*) FROM pganalytics.collectors c WHERE c.enabled = s.enabled)
FROM unnest(ARRAY[true, false]) AS s(enabled)
UNION ALL
SELECT 'pganalytics_servers', 'gauge', 'Monitored servers of enabled collectors.', '{}'::jsonb,
       (SELECT count(*) FROM watched)
UNION ALL
SELECT 'pganalytics_server_last_push_timestamp_seconds', 'gauge',
       'Unix time at which the last push of a server was stored; 0: none within pganalytics.retention_ledger.',
       jsonb_build_object('collector', v.collector, 'server', v.server),
       coalesce(EXTRACT(epoch FROM newest.received_at), 0)
FROM watched v
LEFT JOIN LATERAL (SELECT a.received_at FROM pganalytics.push_accounts a
                   WHERE a.server_id = v.server_id
                   ORDER BY a.received_at DESC LIMIT 1) newest ON true
WHERE v.place <= 2000
UNION ALL
SELECT 'pganalytics_certificate_expiry_timestamp_seconds', 'gauge',
       'Unix time at which a certificate, a revocation list or the last key for tokens expires.',
       jsonb_strip_nulls(jsonb_build_object('kind', replace(e.kind, ' ', '_'), 'collector', e.collector)),
       EXTRACT(epoch FROM e.expires_at)
FROM expiry e WHERE e.place <= 2000
UNION ALL
SELECT 'pganalytics_series_left_out', 'gauge',
       'Servers and certificates beyond the 2000 of each that are shown.',
       jsonb_build_object('of', s.name), s.value
FROM (VALUES ('servers', greatest((SELECT count(*) FROM watched) - 2000, 0)),
             ('certificates', greatest((SELECT count(*) FROM expiry) - 2000, 0))) AS s(name, value)
UNION ALL
SELECT 'pganalytics_alerts', 'gauge', 'Alerts that are pending or firing.',
       jsonb_build_object('state', s.state, 'severity', l.severity), count(a.state)
FROM unnest(ARRAY['pending', 'firing']) AS s(state)
CROSS JOIN unnest(ARRAY['info', 'warning', 'critical']) AS l(severity)
LEFT JOIN pganalytics.alerts a
       ON a.state <> 'resolved' AND a.state = s.state AND a.severity = l.severity
          AND a.rule <> 'heartbeat'
GROUP BY s.state, l.severity
UNION ALL
SELECT 'pganalytics_alert_rule_' || s.name, 'gauge', s.help, jsonb_build_object('rule', r.name), s.value
FROM pganalytics.alert_rules r
JOIN pganalytics.alert_rule_states t ON t.rule = r.name
CROSS JOIN LATERAL (VALUES
    ('consecutive_failures', 'Evaluations of a rule in a row that have failed.', t.failures),
    ('evaluation_seconds', 'Time that the last evaluation of a rule took.', t.duration_ms / 1000),
    ('evaluated_timestamp_seconds', 'Unix time of the last evaluation of a rule.',
     EXTRACT(epoch FROM t.evaluated_at))
    ) AS s(name, help, value)
WHERE r.enabled
UNION ALL
SELECT 'pganalytics_alert_notifications', 'gauge',
       'Notifications that wait to be delivered, or were given up.',
       jsonb_build_object('channel', c.name, 'state', s.state), s.value
FROM pganalytics.alert_channels c CROSS JOIN LATERAL (VALUES
    ('waiting', (SELECT count(*) FROM pganalytics.alert_outbox o
                 WHERE o.channel = c.name AND o.state = 'waiting')),
    ('dead', (SELECT count(*) FROM pganalytics.alert_outbox o
              WHERE o.channel = c.name AND o.state = 'dead'))) AS s(state, value);
COMMENT ON VIEW pganalytics.prometheus_samples IS
    'the server''s own metrics: what GET /metrics gives, a row for each sample';
COMMENT ON COLUMN pganalytics.prometheus_samples.type IS 'counter: since the server started; gauge: now';
GRANT SELECT ON pganalytics.prometheus_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_api;

-- The worker that calls this function has sequential scans off. The function does not set that
-- itself: other callers leave the choice to the planner. HELP and TYPE come once for each metric,
-- before its samples.
CREATE FUNCTION pganalytics.prometheus_metrics() RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1
    SET jit = off
AS $$
DECLARE
    begun CONSTANT timestamptz := clock_timestamp();
    families text;
BEGIN
    SELECT string_agg(f.lines, '' ORDER BY f.name COLLATE "C") INTO families
    FROM (
        SELECT s.name,
               format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n', s.name, min(s.help), min(s.type))
               || string_agg(
                   format(E'%s%s %s\n', s.name, l.labels,
                          CASE s.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf'
                               ELSE s.value::text END),
                   '' ORDER BY l.labels COLLATE "C") AS lines
        FROM pganalytics.prometheus_samples s
        CROSS JOIN LATERAL (
            SELECT coalesce('{' || string_agg(
                       format('%s="%s"', e.key,
                              replace(replace(replace(e.value, E'\\', E'\\\\'), '"', E'\\"'),
                                      E'\n', E'\\n')),
                       ',' ORDER BY e.key COLLATE "C") || '}', '') AS labels
            FROM jsonb_each_text(s.labels) e) l
        WHERE s.value IS NOT NULL
        GROUP BY s.name) f;
    RETURN families || format(
        E'# HELP %1$s %2$s\n# TYPE %1$s gauge\n%1$s %3$s\n', 'pganalytics_metrics_duration_seconds',
        'Time that it took to read these metrics.',
        EXTRACT(epoch FROM clock_timestamp() - begun)::double precision);
END
$$;
COMMENT ON FUNCTION pganalytics.prometheus_metrics() IS
    'the server''s own metrics in Prometheus'' text format 0.0.4: the body of GET /metrics';
GRANT EXECUTE ON FUNCTION pganalytics.prometheus_metrics()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_api;
