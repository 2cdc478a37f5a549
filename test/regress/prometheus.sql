-- The server's own metrics: their tokens, their rows, and Prometheus' text format. What workers count
-- is compared end to end, in test/e2e/api/test_prometheus.py.
\set SHOW_CONTEXT never
\pset format unaligned

-- Tokens: shown once, kept as a hash that nobody reads.
SET ROLE pganalytics_admin;
SELECT token, url FROM pganalytics.create_scrape_token('prometheus') \gset
SELECT :'token' ~ '^pgm_[0-9a-f]{64}$' AS looks_like_one, :'url' ~ '^https://[^/]+:8444/metrics$' AS address;
SELECT pganalytics.create_scrape_token('prometheus');
SELECT pganalytics.create_scrape_token('two words');
SELECT pganalytics.create_scrape_token('');
SELECT pganalytics.create_scrape_token(NULL);
SELECT name, created_by, last_used_at, revoked_at FROM pganalytics.scrape_tokens;
SELECT token_sha256 FROM pganalytics.scrape_tokens;
UPDATE pganalytics.scrape_tokens SET token_sha256 = sha256('mine');
DELETE FROM pganalytics.scrape_tokens;
SELECT pganalytics.revoke_scrape_token('prometheus');
SELECT pganalytics.revoke_scrape_token('prometheus');
SELECT pganalytics.revoke_scrape_token(NULL);
SELECT name, revoked_at IS NOT NULL AS revoked FROM pganalytics.scrape_tokens;
SET ROLE pganalytics_operator;
SELECT pganalytics.create_scrape_token('mine');
SELECT pganalytics.revoke_scrape_token('prometheus');
SELECT FROM pganalytics.scrape_tokens;
RESET ROLE;
SELECT token_sha256 = sha256(convert_to(:'token', 'UTF8')) AS kept_as_hash FROM pganalytics.scrape_tokens;
DELETE FROM pganalytics.scrape_tokens;

-- A fleet whose names want to break out of their labels.
SELECT pganalytics.make_partitions(0) AS made \gset
INSERT INTO pganalytics.collectors (name, enabled, token_sha256)
SELECT name, name <> 'off', sha256(name::bytea)
FROM unnest(ARRAY['plain', E'"} 1\nforged 2', 'off', E'über']) AS name;
INSERT INTO pganalytics.collectors (name, token_sha256) VALUES (E'back\\slash', sha256('b'));
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'x' FROM pganalytics.collectors;
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, E'line\nbreak', 'x' FROM pganalytics.collectors WHERE name = 'plain';
INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed, stored,
    unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large, queries)
SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '1 ms', v.server_id,
       gen_random_uuid(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM pganalytics.servers v JOIN pganalytics.collectors c USING (collector_id), generate_series(0, 5) AS n
WHERE c.name <> E'über';
INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, collector_id, subject,
    not_before, not_after, pem)
SELECT to_hex(n), 'aa', sha256(n::text::bytea), sha256('s'), 'collector', c.collector_id, 'CN=x',
       '2026-01-01Z', '2030-01-01Z'::timestamptz + n * interval '1 day', 'x'
FROM pganalytics.collectors c, generate_series(1, 2) AS n WHERE c.name = 'plain';
INSERT INTO pganalytics.alerts (rule, fingerprint, labels, severity, state, value, started_at, found_at,
    fired_at, resolved_at)
SELECT 'r', lpad(n::text, 16, '0'), '{}', s.severity, s.state, 1, now(), now(), s.fired, s.resolved
FROM (VALUES (1, 'critical', 'firing', now(), NULL::timestamptz), (2, 'critical', 'firing', now(), NULL),
             (3, 'info', 'pending', NULL, NULL), (4, 'warning', 'resolved', now(), now()))
     AS s(n, severity, state, fired, resolved);
INSERT INTO pganalytics.alert_channels (name, kind, url) VALUES ('hook', 'webhook', 'https://hook.example/');
INSERT INTO pganalytics.alert_outbox (channel, fingerprint, group_key, status, alert, latest, created_at,
    waiting_since, due_at, state, settled_at)
SELECT 'hook', 'f', 'g', 'firing', '{}', false, now(), now(), now(), state,
       CASE WHEN state <> 'waiting' THEN now() END
FROM unnest(ARRAY['waiting', 'waiting', 'dead', 'sent']) AS state;
INSERT INTO pganalytics.alert_rules (name, query, threshold, enabled) VALUES
    ('regress_fails', 'SELECT 1 AS value', 1, true), ('regress_off', 'SELECT 1 AS value', 1, false);
INSERT INTO pganalytics.alert_rule_states (rule, evaluated_at, duration_ms, failures) VALUES
    ('regress_fails', '2026-01-01Z', 12.5, 3), ('regress_off', '2026-01-01Z', 1, 1)
    ON CONFLICT (rule) DO UPDATE SET evaluated_at = EXCLUDED.evaluated_at,
        duration_ms = EXCLUDED.duration_ms, failures = EXCLUDED.failures;

-- The rows. With shared_preload_libraries there are workers, too.
SET ROLE pganalytics_viewer;
SELECT name, labels,
       CASE WHEN name ~ 'last_push' AND value > 0
            THEN to_timestamp(value) = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '5 ms'
            ELSE value = 0 END AS day_and_5_ms_or_none
FROM pganalytics.prometheus_samples WHERE name ~ '_server_last_push_'
ORDER BY labels->>'collector' COLLATE "C", labels->>'server' COLLATE "C";
SELECT name, labels, value FROM pganalytics.prometheus_samples
WHERE name !~ '^pganalytics_(worker|gateway|ingest|audit|build|server_last)'
  AND coalesce(labels->>'rule' ~ '^regress_', true)
ORDER BY name COLLATE "C", labels::text COLLATE "C";
-- No label has a name that a monitored server decides, but the server's own.
SELECT DISTINCT key AS unknown_label FROM pganalytics.prometheus_samples, jsonb_object_keys(labels) AS key
WHERE key NOT IN ('version', 'postgresql', 'kind', 'worker', 'state', 'reason', 'collector', 'server', 'of',
                  'severity', 'rule', 'channel');
SELECT name, labels, count(*) AS twice FROM pganalytics.prometheus_samples GROUP BY 1, 2 HAVING count(*) > 1;
SELECT name, count(DISTINCT (type, help)) AS descriptions FROM pganalytics.prometheus_samples
GROUP BY name HAVING count(DISTINCT (type, help)) > 1;
SELECT DISTINCT name, type FROM pganalytics.prometheus_samples
WHERE (type = 'counter') <> (name ~ '_total$') OR type NOT IN ('counter', 'gauge') OR name !~ '^pganalytics_[a-z_]+$'
   OR help ~ E'[\\\\\n]' OR help !~ '\.$';

-- The text: each line is what the format allows, each family is in one piece with HELP and TYPE
-- before its samples.
CREATE TEMPORARY TABLE text_lines AS
SELECT n, line,
       coalesce((regexp_match(line, '^# (?:HELP|TYPE) ([a-z_]+) '))[1], (regexp_match(line, '^([a-z_]+)'))[1]) AS family,
       CASE WHEN line ~ '^# HELP [a-z_]+ [^\\]+\.$' THEN 'H' WHEN line ~ '^# TYPE [a-z_]+ (counter|gauge)$' THEN 'T'
            WHEN line ~ '^[a-z_]+(\{[a-z]+="([^"\\]|\\["\\n])*"(,[a-z]+="([^"\\]|\\["\\n])*")*\})? (\+Inf|-Inf|NaN|-?[0-9.]+(e[+-]?[0-9]+)?)$'
                THEN 'S' END AS kind
FROM regexp_split_to_table(pganalytics.prometheus_metrics(), E'\n') WITH ORDINALITY AS t(line, n);
SELECT line AS not_of_the_format FROM text_lines WHERE kind IS NULL AND n < (SELECT max(n) FROM text_lines);
SELECT line = '' AS ends_with_a_line_feed FROM text_lines ORDER BY n DESC LIMIT 1;
SELECT family, string_agg(kind, '' ORDER BY n) AS order_of_lines FROM text_lines WHERE kind IS NOT NULL
GROUP BY family HAVING string_agg(kind, '' ORDER BY n) !~ '^HTS+$' OR max(n) - min(n) + 1 <> count(*);
SELECT count(*) > 12 AS many_families FROM text_lines WHERE kind = 'T';
SELECT s.samples = l.samples AS as_many_lines_as_rows
FROM (SELECT count(*) + 1 AS samples FROM pganalytics.prometheus_samples WHERE value IS NOT NULL) s,
     (SELECT count(*) AS samples FROM text_lines WHERE kind = 'S') l;
SELECT regexp_replace(line, ' [0-9.]+$', ' ...') AS line FROM text_lines
WHERE family = 'pganalytics_server_last_push_timestamp_seconds' ORDER BY n;
RESET ROLE;

-- Of the accounts the newest of each server is read, by the index.
SET enable_seqscan = off;
SET jit = off;
CREATE FUNCTION pg_temp.scans() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM pganalytics.prometheus_samples' INTO plan;
    RETURN QUERY SELECT DISTINCT node->>'Node Type'
                 FROM jsonb_path_query(plan, 'strict $.**?(@."Relation Name" starts with "push_")') AS node;
END
$$;
SELECT * FROM pg_temp.scans();
RESET enable_seqscan;
RESET jit;

-- Who may: privileges.sql has all roles.
SET ROLE pganalytics_maintenance;
SELECT FROM pganalytics.prometheus_samples;
SELECT pganalytics.prometheus_metrics();
RESET ROLE;

DELETE FROM pganalytics.alert_rule_states WHERE rule ~ '^regress_';
DELETE FROM pganalytics.alert_rules WHERE name ~ '^regress_';
DELETE FROM pganalytics.alert_outbox;
DELETE FROM pganalytics.alert_channels;
DELETE FROM pganalytics.alerts;
DELETE FROM pganalytics.certificates;
DELETE FROM pganalytics.push_accounts;
DELETE FROM pganalytics.servers;
DELETE FROM pganalytics.collectors;
