-- The engine of alerts: what a rule's query may be and do, what becomes of each label set, and
-- backtests. The queries of some rules are attacks.
\set SHOW_CONTEXT never
\pset format unaligned
SET timezone = 'UTC';
CREATE ROLE regress_alert_admin LOGIN;
GRANT pganalytics_admin TO regress_alert_admin;
CREATE SCHEMA shop;
GRANT USAGE, CREATE ON SCHEMA shop TO PUBLIC;
CREATE TABLE shop.load (host text, at timestamptz, value double precision);
GRANT SELECT ON shop.load TO pganalytics_rules, pganalytics_admin;
-- What the worker does with a rule that is due, and what there is of a rule's alerts.
CREATE FUNCTION shop.evaluate(rule text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l jsonb[]; v double precision[]; problem text;
BEGIN
    BEGIN
        SELECT array_agg(f.labels), array_agg(f.value) INTO l, v
        FROM pganalytics.alert_rules r, pganalytics.run_rule(r.query, evaluate.at) f
        WHERE r.name = evaluate.rule;
    EXCEPTION WHEN OTHERS THEN problem := SQLERRM;
    END;
    PERFORM pganalytics.record_evaluation(rule, at, l, v, problem, 1);
END $$;
CREATE VIEW shop.seen AS
    SELECT rule, labels - 'alertname' AS labels, state, value, peak, to_char(started_at, 'HH24:MI') AS started,
           to_char(found_at, 'HH24:MI') AS found, to_char(fired_at, 'HH24:MI') AS fired,
           to_char(resolved_at, 'HH24:MI') AS resolved
    FROM pganalytics.alerts ORDER BY alert_id;
CREATE VIEW shop.told AS
    SELECT a.labels ->> 'host' AS host, to_char(h.at, 'HH24:MI') AS at, h.change, h.value
    FROM pganalytics.alert_history h JOIN pganalytics.alerts a USING (alert_id) ORDER BY h.alert_id, h.at;

-- The time.
SELECT pganalytics.evaluation_time() = now() AS now;
SET pganalytics.evaluation_time = '2026-08-01 12:00+02';
SELECT pganalytics.evaluation_time() AT TIME ZONE 'UTC';
SET timezone = 'Asia/Tokyo';
SELECT pganalytics.evaluation_time() AT TIME ZONE 'UTC';
SET timezone = 'UTC';
SET pganalytics.evaluation_time = 'tea time';
SET pganalytics.evaluation_time = 'infinity';
RESET pganalytics.evaluation_time;
SELECT pganalytics.evaluation_time() = now() AS now;

-- What a rule's query has to be.
SET ROLE regress_alert_admin;
SET ROLE pganalytics_admin;
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELEC 1', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value FROM shop.nothing', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value FROM load', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', '-- nothing', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value; SELECT 2 AS value', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS number', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT now() AS value', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value, 2 AS "a-b"', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value, 2', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value, 2 AS a, 3 AS a', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value, 2 AS alertname', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value, $1', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'DELETE FROM shop.load RETURNING 1 AS value', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold)
VALUES ('x', 'WITH d AS (DELETE FROM shop.load RETURNING 1) SELECT 1 AS value FROM d', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT value FROM shop.load FOR UPDATE', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value INTO shop.other', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SHOW work_mem', 1);
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'COPY shop.load TO PROGRAM ''cat''', 1);
-- And the rest of a rule.
\set VERBOSITY terse
INSERT INTO pganalytics.alert_rules (name, query) VALUES ('x', 'SELECT 1 AS value');
\set VERBOSITY default
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('x', 'SELECT 1 AS value', 'NaN');
INSERT INTO pganalytics.alert_rules (name, query, threshold_setting)
VALUES ('x', 'SELECT 1 AS value', 'pganalytics.nothing');
INSERT INTO pganalytics.alert_rules (name, query, threshold_setting)
VALUES ('x', 'SELECT 1 AS value', 'pganalytics.database');
-- PostgreSQL 16 has other words for it.
\set VERBOSITY sqlstate
INSERT INTO pganalytics.alert_rules (name, query, threshold_setting)
VALUES ('x', 'SELECT 1 AS value', 'pganalytics.ca_passphrase_command');
\set VERBOSITY default
INSERT INTO pganalytics.alert_rules (name, query, threshold, labels)
VALUES ('x', 'SELECT 1 AS value', 1, '{"severity": "none"}');
INSERT INTO pganalytics.alert_rules (name, query, threshold, labels)
VALUES ('x', 'SELECT 1 AS value', 1, '{"team": 1}');
INSERT INTO pganalytics.alert_rules (name, query, threshold, annotations)
VALUES ('x', 'SELECT 1 AS value', 1, '{"summary": ["x"]}');
INSERT INTO pganalytics.alert_rules (name, query, threshold, builtin) VALUES ('x', 'SELECT 1 AS value', 1, true);
INSERT INTO pganalytics.alert_rules (name, query, threshold, changed_by) VALUES ('x', 'SELECT 1 AS value', 1, 'ann');
INSERT INTO pganalytics.alert_rules (name, query, threshold, pending_for, keep_firing_for, labels, annotations)
VALUES ('load_high', 'SELECT host, value FROM shop.load WHERE at = pganalytics.evaluation_time()', 5,
        '2 min', '1 min', '{"team": "db", "host": "none"}',
        '{"summary": "{{ $labels.host }} of {{$labels.team}}: {{ $value }}{{ $labels.missing }} {{ $x }} {{", "none": ""}');
SELECT name, builtin, changed_by = session_user AS by_me, changed_at > now() - interval '1 h' AS now
FROM pganalytics.alert_rules WHERE name = 'load_high';
UPDATE pganalytics.alert_rules SET query = 'SELECT 1 AS number' WHERE name = 'load_high';
UPDATE pganalytics.alert_rules SET builtin = true WHERE name = 'load_high';
UPDATE pganalytics.alert_rules SET threshold = NULL, threshold_setting = 'pganalytics.port' WHERE name = 'load_high';
SELECT pganalytics.rule_threshold(threshold, threshold_setting) = pganalytics.setting_value('pganalytics.port') AS is_the_setting
FROM pganalytics.alert_rules WHERE name = 'load_high';
SELECT pganalytics.setting_value('work_mem');
UPDATE pganalytics.alert_rules SET threshold = 5 WHERE name = 'load_high';
RESET ROLE;

-- Built-in rules stay, and keep their names; whoever owns the table included. A row of a dump takes
-- the place of the rule that is there.
SET session_replication_role = replica;
INSERT INTO pganalytics.alert_rules (name, query, threshold, builtin) VALUES ('of_ours', 'SELECT 1 AS value', 1, true);
RESET session_replication_role;
DELETE FROM pganalytics.alert_rules WHERE name = 'of_ours';
UPDATE pganalytics.alert_rules SET name = 'of_mine' WHERE name = 'of_ours';
UPDATE pganalytics.alert_rules SET builtin = false WHERE name = 'of_ours';
UPDATE pganalytics.alert_rules SET threshold = 2 WHERE name = 'of_ours';
INSERT INTO pganalytics.alert_rules (name, query, threshold, builtin, changed_at, changed_by)
VALUES ('of_ours', 'SELECT 1 AS value FROM not_yet_there', 7, true, '2026-01-01', 'ann'),
       ('of_old', 'SELECT 1 AS value FROM no_more_there', 7, true, '2026-01-01', 'ann');
SELECT name, query, threshold, builtin, changed_at, changed_by FROM pganalytics.alert_rules
WHERE name IN ('of_ours', 'of_old') ORDER BY name;
SET session_replication_role = replica;
DELETE FROM pganalytics.alert_rules WHERE name IN ('of_ours', 'of_old');
RESET session_replication_role;

-- How it runs: as whom, where, when.
SELECT jsonb_pretty(labels), value FROM pganalytics.run_rule($$
    SELECT current_user AS u, current_setting('search_path') AS path, current_setting('timezone') AS zone,
           current_setting('transaction_read_only') AS read_only, pganalytics.evaluation_time() AS at,
           current_setting('datestyle') AS style, 1::numeric(4, 2) / 3 AS value$$, '2026-08-01 12:00:00.5Z');
SELECT current_user, pganalytics.evaluation_time() = now() AS now, current_setting('search_path') AS path,
       current_setting('transaction_read_only') AS read_only;
SELECT * FROM pganalytics.run_rule('SELECT 1 AS value', 'infinity');
-- Labels: texts of any type; NULL and the empty text are no label; what is too long is cut, and two
-- long ones stay different. Numbers of any type.
SELECT labels, value FROM pganalytics.run_rule($$
    SELECT 1.5::float4 AS a, true AS b, NULL::text AS c, '' AS d, '{1,2}'::int[] AS e,
           '2026-08-01 00:00Z'::timestamptz AS f, '1 mon 2 days'::interval AS g, '\x01ff'::bytea AS h,
           'NaN'::numeric AS value$$, now());
SELECT length(labels ->> 'a'), octet_length(labels ->> 'a') <= 1024 AS fits, right(labels ->> 'a', 12) LIKE '...#%' AS marked,
       count(*) OVER () AS sets
FROM pganalytics.run_rule('SELECT repeat(''ü'', 1000) || n AS a, n AS value FROM generate_series(1, 2) n', now());
SELECT value FROM pganalytics.run_rule('SELECT 1::smallint AS value', now())
UNION ALL SELECT value FROM pganalytics.run_rule('SELECT 2 AS value', now())
UNION ALL SELECT value FROM pganalytics.run_rule('SELECT 3::bigint AS value', now())
UNION ALL SELECT value FROM pganalytics.run_rule('SELECT 4.5::real AS value', now())
UNION ALL SELECT value FROM pganalytics.run_rule('SELECT ''-Infinity''::float8 AS value', now())
UNION ALL SELECT value FROM pganalytics.run_rule('SELECT NULL::int AS value', now());
\set VERBOSITY sqlstate
SELECT * FROM pganalytics.run_rule('SELECT ''1e400''::numeric AS value', now());
\set VERBOSITY default
-- Hostile texts are texts.
SELECT labels FROM pganalytics.run_rule(
    $$SELECT E'a\n"b\\\t{{ $value }}</script>\u202e\x01''; DROP TABLE x; --' AS a, 1 AS value$$, now());
-- Too many, and twice the same.
SELECT count(*) FROM pganalytics.run_rule('SELECT n AS a, n AS value FROM generate_series(1, 1001) n', now());
SELECT count(*) FROM pganalytics.run_rule('SELECT n AS a, n AS value FROM generate_series(1, 100001) n', now());
SELECT pganalytics.check_rule_query('SELECT 1 AS value, ' || string_agg('1 AS a' || n, ', ')) FROM generate_series(1, 65) n;
SELECT count(*) FROM pganalytics.run_rule('SELECT n % 2 AS a, n AS value FROM generate_series(1, 3) n', now());
SELECT count(*) FROM pganalytics.run_rule('SELECT nullif(n, 1)::text AS a, n AS value FROM generate_series(1, 2) n', now());

-- Queries that are attacks. The functions belong to a superuser and run with that one's rights.
CREATE TABLE shop.canary (what text);
CREATE SEQUENCE shop.numbers;
CREATE FUNCTION shop.write() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$BEGIN INSERT INTO shop.canary VALUES ('write'); RETURN 1; END$$;
CREATE FUNCTION shop.allow_writing() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$BEGIN SET transaction_read_only = off; INSERT INTO shop.canary VALUES ('allowed'); RETURN 1; END$$;
CREATE FUNCTION shop.become() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN SET ROLE postgres; RETURN 1; END$$;
CREATE FUNCTION shop.become_session() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN RESET SESSION AUTHORIZATION; RETURN 1; END$$;
CREATE FUNCTION shop.make_temporary() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN CREATE TEMP TABLE pg_class (x int); RETURN 1; END$$;
CREATE FUNCTION shop.lock() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$BEGIN LOCK TABLE shop.canary IN ACCESS EXCLUSIVE MODE; RETURN 1; END$$;
CREATE FUNCTION shop.raise() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = 'P0042'; END$$;
CREATE FUNCTION shop.go_on(problem text) RETURNS int LANGUAGE plpgsql AS
    $$BEGIN EXECUTE problem; RETURN 0; EXCEPTION WHEN OTHERS THEN RETURN 1; END$$;
CREATE FUNCTION shop.leave_something() RETURNS int LANGUAGE plpgsql AS
    $$BEGIN
        SET search_path = shop;
        SET pganalytics.evaluation_time = '2000-01-01 00:00Z';
        NOTIFY shop, 'sold';
        RETURN 1;
    END$$;
CREATE FUNCTION shop.commit() RETURNS int LANGUAGE plpgsql AS $$BEGIN COMMIT; RETURN 1; END$$;
SELECT * FROM pganalytics.run_rule('SELECT shop.write() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.allow_writing() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.become() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.become_session() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT set_config(''role'', ''postgres'', false) AS a, 1 AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.make_temporary() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT nextval(''shop.numbers'') AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT 1 AS value FROM shop.canary', now());
SELECT * FROM pganalytics.run_rule('SELECT 1 AS value FROM pg_catalog.pg_authid', now());
SELECT * FROM pganalytics.run_rule('SELECT 1 AS value FROM pganalytics.alert_channel_secrets', now());
SELECT * FROM pganalytics.run_rule('SELECT pg_read_file(''postgresql.conf'') AS a, 1 AS value', now());
-- PostgreSQL 16 has other words for it.
\set VERBOSITY sqlstate
SELECT * FROM pganalytics.run_rule('SELECT pg_terminate_backend(pg_backend_pid())::int AS value', now());
\set VERBOSITY default
SELECT * FROM pganalytics.run_rule('SELECT shop.raise() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.commit() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT 1 / 0 AS value', now());
-- A function that goes on after the refusal has gained nothing.
SELECT value FROM pganalytics.run_rule(
    'SELECT shop.go_on(''INSERT INTO shop.canary VALUES (1)'') + shop.go_on(''SET ROLE postgres'') AS value', now());
-- What is not refused is rolled back: locks, settings, notifications.
LISTEN shop;
BEGIN;
SELECT value FROM pganalytics.run_rule('SELECT shop.lock() AS value', now());
SELECT value FROM pganalytics.run_rule('SELECT shop.leave_something() AS value', now());
SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'shop.canary'::regclass;
SELECT current_user, current_setting('search_path') AS path, pganalytics.evaluation_time() = now() AS now;
COMMIT;
-- Functions whose effects no rollback undoes are refused: when a rule is written, and when a function or
-- a view of the user calls them. What only reads is not, nor what was granted to the rules' role by name.
CREATE FUNCTION pg_temp.try_query(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN pganalytics.check_rule_query(query);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- (pg_logical_emit_message has a fourth parameter since PostgreSQL 17.)
SELECT q, replace(pg_temp.try_query('SELECT 1 AS value, ' || q || ' AS a'), '(boolean,text,text,boolean)', '(boolean,text,text)')
FROM unnest(ARRAY[
    'pg_logical_emit_message(false, ''x'', ''y'')', 'pg_advisory_lock(1)', 'pg_try_advisory_lock(1)', 'pg_advisory_unlock_all()',
    'pg_notify(''shop'', ''x'')', 'nextval(''shop.numbers'')', 'setval(''shop.numbers'', 1)', 'lo_create(0)', 'lo_unlink(1)',
    'lo_export(1, ''/tmp/x'')', 'pg_switch_wal()', 'pg_create_restore_point(''x'')', 'pg_reload_conf()', 'pg_cancel_backend(1)',
    'pg_terminate_backend(1)', 'pg_read_file(''x'')', 'set_config(''work_mem'', ''1MB'', false)', 'pg_export_snapshot()',
    'pg_stat_reset()', 'pg_create_physical_replication_slot(''x'')', 'pg_rotate_logfile()', 'setseed(0.5)',
    'sum((SELECT pg_advisory_lock(n)::text::int FROM generate_series(1, 2) n))', 'coalesce((SELECT shop.raise()), 1)',
    'random()', 'clock_timestamp()', 'gen_random_uuid()', 'pg_sleep(0)', 'pg_database_size(''postgres'')',
    'query_to_xml(''SELECT 1'', false, false, '''')', '(SELECT count(*) FROM pg_locks)', '(SELECT count(*) FROM pg_stat_activity)']) AS q;
CREATE VIEW shop.emits AS SELECT pg_try_advisory_lock(1) AS got;
CREATE FUNCTION shop.emit() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$BEGIN PERFORM pg_try_advisory_lock(1); RETURN 1; END$$;
CREATE FUNCTION shop.emit_sql() RETURNS int LANGUAGE sql SECURITY DEFINER AS
    $$SELECT pg_try_advisory_lock(1); SELECT 1$$;
GRANT SELECT ON shop.emits TO pganalytics_rules;
SELECT pg_temp.try_query('SELECT 1 AS value FROM shop.emits');
SELECT pg_current_wal_insert_lsn() AS wal_before \gset
SELECT * FROM pganalytics.run_rule('SELECT shop.emit() AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT shop.emit_sql() AS value', now());
SELECT value FROM pganalytics.run_rule('SELECT shop.go_on(''SELECT pg_logical_emit_message(false, repeat(''''x'''', 100000), ''''y'''')'') AS value', now());
SELECT * FROM pganalytics.run_rule('SELECT query_to_xml(''SELECT pg_advisory_lock(1)'', false, false, '''') AS a, 1 AS value', now());
SELECT pg_current_wal_insert_lsn() - :'wal_before' < 50000 AS wrote_nothing;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
-- Outside of rules nothing is refused.
SELECT shop.emit();
GRANT EXECUTE ON FUNCTION pg_catalog.setseed(double precision) TO pganalytics_rules;
SELECT pg_temp.try_query('SELECT 1 AS value, setseed(0.5) AS a');
SELECT value FROM pganalytics.run_rule('SELECT 1 AS value, setseed(0.5) AS a', now());
REVOKE EXECUTE ON FUNCTION pg_catalog.setseed(double precision) FROM pganalytics_rules;
SELECT pg_temp.try_query('SELECT 1 AS value, setseed(0.5) AS a');
SET ROLE regress_alert_admin;
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES ('emits', 'SELECT 1 AS value, pg_try_advisory_lock(1) AS a', 0);
RESET ROLE;
SET statement_timeout = '50ms';
SELECT * FROM pganalytics.run_rule('SELECT pg_sleep(60), 1 AS value', now());
RESET statement_timeout;
SELECT * FROM shop.canary;
SELECT last_value, is_called FROM shop.numbers;

-- From nothing to pending, firing, resolved. Every minute two hosts.
INSERT INTO shop.load VALUES
    ('a', '2026-08-01 12:00Z', 6), ('b', '2026-08-01 12:00Z', 7),
    ('a', '2026-08-01 12:01Z', 9), ('b', '2026-08-01 12:01Z', 5),
    ('a', '2026-08-01 12:02Z', 7), ('b', '2026-08-01 12:02Z', 'NaN'),
    ('b', '2026-08-01 12:03Z', 'Infinity'), (NULL, '2026-08-01 12:03Z', 6),
    ('a', '2026-08-01 12:06Z', 6), ('a', '2026-08-01 12:07Z', NULL), ('a', '2026-08-01 12:08Z', 8);
SELECT shop.evaluate('load_high', '2026-08-01 12:00Z');
SELECT * FROM shop.seen;
SELECT * FROM shop.told;
-- What was pending and is not found leaves nothing behind.
SELECT shop.evaluate('load_high', '2026-08-01 12:01Z');
SELECT * FROM shop.seen;
SELECT shop.evaluate('load_high', '2026-08-01 12:02Z');
SELECT * FROM shop.seen;
SELECT annotations, severity, fingerprint = left(encode(sha256(labels::text::bytea), 'hex'), 16) AS is_the_hash
FROM pganalytics.alerts;
-- For keep_firing_for it goes on; infinity is beyond every threshold; the rule's own label is there
-- where the row has none.
SELECT shop.evaluate('load_high', '2026-08-01 12:02:30Z');
SELECT * FROM shop.seen;
SELECT shop.evaluate('load_high', '2026-08-01 12:03Z');
SELECT * FROM shop.seen;
SELECT * FROM shop.told;
-- The next time it is another alert with the same fingerprint.
UPDATE pganalytics.alert_rules SET pending_for = '0' WHERE name = 'load_high';
SELECT shop.evaluate('load_high', '2026-08-01 12:06Z');
SELECT * FROM shop.seen;
SELECT count(*), count(DISTINCT fingerprint) FROM pganalytics.alerts WHERE labels ->> 'host' = 'a';
-- A row of the rule that has all labels of another.
INSERT INTO shop.load VALUES ('none', '2026-08-01 12:06:30Z', 6), (NULL, '2026-08-01 12:06:30Z', 6);
SELECT shop.evaluate('load_high', '2026-08-01 12:06:30Z');

-- A rule that cannot be evaluated: its alerts stay, its failures are counted, and it is told of.
SELECT pganalytics.record_evaluation('load_high', '2026-08-01 12:07Z', NULL, NULL, 'on purpose', 3);
SELECT pganalytics.record_evaluation('load_high', '2026-08-01 12:08Z', NULL, NULL, repeat('x', 5000), 3);
SELECT rule, evaluate_at, evaluated_at, duration_ms, label_sets, failures, failing_since, length(last_error)
FROM pganalytics.alert_rule_states;
SELECT count(*) FROM shop.seen WHERE state = 'firing';
SELECT shop.evaluate('load_high', '2026-08-01 12:08Z');
SELECT rule, label_sets, failures, failing_since, length(last_error) FROM pganalytics.alert_rule_states;
SELECT * FROM shop.seen WHERE state = 'firing';

-- Which are due: never evaluated, or long enough ago, or in a future that a clock had been in.
SELECT rule, time_limit_ms FROM pganalytics.due_rules('2026-08-01 12:08:59Z') WHERE rule = 'load_high';
SELECT rule FROM pganalytics.due_rules('2026-08-01 12:09Z') WHERE rule = 'load_high';
SELECT rule FROM pganalytics.due_rules('2026-08-01 12:07Z') WHERE rule = 'load_high';
-- One that takes long is evaluated less often.
UPDATE pganalytics.alert_rule_states SET duration_ms = 12000;
SELECT rule FROM pganalytics.due_rules('2026-08-01 12:09:59Z') WHERE rule = 'load_high';
SELECT rule FROM pganalytics.due_rules('2026-08-01 12:10Z') WHERE rule = 'load_high';
-- A clock that was set back: nothing breaks, and nobody waits for it to catch up.
SELECT shop.evaluate('load_high', '2026-08-01 11:00Z');
SELECT * FROM shop.seen WHERE state <> 'resolved';
SELECT shop.evaluate('load_high', '2026-08-01 11:01Z');
SELECT * FROM shop.seen WHERE started IS NULL OR resolved < fired OR (state = 'resolved') <> (resolved IS NOT NULL);
SELECT state, fired, resolved FROM shop.seen;

-- A rule that is disabled, renamed or deleted has no alerts.
INSERT INTO pganalytics.alert_rules (name, query, threshold, pending_for, keep_firing_for, comparison) VALUES
    ('goes', 'SELECT 1 AS value', 2, '0', '1 h', '<'), ('waits', 'SELECT 1 AS value', 2, '1 h', '0', '<=');
SELECT shop.evaluate(r, '2026-08-01 13:00Z') FROM unnest(ARRAY['goes', 'waits']) r;
SELECT pganalytics.end_orphaned_alerts('2026-08-01 13:00:30Z');
SELECT rule, state FROM shop.seen WHERE rule IN ('goes', 'waits');
UPDATE pganalytics.alert_rules SET enabled = false WHERE name = 'goes';
DELETE FROM pganalytics.alert_rules WHERE name = 'waits';
SELECT pganalytics.end_orphaned_alerts('2026-08-01 13:01Z');
SELECT rule, state, resolved FROM shop.seen WHERE rule IN ('goes', 'waits');
SELECT h.change, h.comment FROM pganalytics.alert_history h JOIN pganalytics.alerts a USING (alert_id)
WHERE a.rule = 'goes' ORDER BY h.at;
SELECT rule FROM pganalytics.alert_rule_states;
-- Nor is one recorded that was disabled while its query ran.
SELECT shop.evaluate('goes', '2026-08-01 13:02Z');
SELECT count(*) FROM shop.seen WHERE rule = 'goes' AND state = 'firing';
SELECT count(*) FROM pganalytics.alert_history h WHERE NOT EXISTS (
    SELECT FROM pganalytics.alerts a WHERE a.alert_id = h.alert_id);

-- Every comparison; NULL and NaN are beyond nothing.
SELECT c, string_agg(coalesce(v::text, 'NULL'), ' ' ORDER BY v) FILTER (WHERE (pganalytics.alert_conditions(ARRAY[v], c, 2))[1]) AS beyond
FROM unnest(ARRAY['>', '>=', '<', '<=', '=', '<>']) c,
     unnest(ARRAY[1, 2, 3, NULL, 'NaN', '-Infinity', 'Infinity']::double precision[]) v
GROUP BY c ORDER BY c COLLATE "C";

-- Backtests: the same rule over the same rows, and what it would have told. By hand: a is pending from
-- 12:00, fires at 12:02, was found last at 12:02 and resolved a minute later. At 12:06 and 12:08 there
-- are two minutes of pending_for and never three findings in a row; b and the row without a host are
-- found once at the most.
UPDATE pganalytics.alert_rules SET pending_for = '2 min' WHERE name = 'load_high';
DELETE FROM shop.load WHERE at = '2026-08-01 12:06:30Z';
SET ROLE pganalytics_admin;
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 11:58Z', '2026-08-01 12:20Z');
-- It still fires at the end.
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 11:58Z', '2026-08-01 12:02Z');
-- Another threshold, another step.
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 11:58Z', '2026-08-01 12:20Z', threshold => 6);
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 12:00Z', '2026-08-01 12:20Z', '2 min');
SELECT * FROM pganalytics.backtest_rule('nothing', '2026-08-01 12:00Z', '2026-08-01 12:20Z');
SELECT * FROM pganalytics.backtest_rule('goes', '2026-08-01 12:00Z', '2026-08-01 12:20Z');
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 12:00Z', '2026-08-01 11:59Z');
SELECT * FROM pganalytics.backtest_rule('load_high', NULL, '2026-08-01 11:59Z');
SELECT * FROM pganalytics.backtest_rule('load_high', '-infinity', '2026-08-01 11:59Z');
SELECT * FROM pganalytics.backtest_rule('load_high', '2026-08-01 12:00Z', '2026-08-01 12:20Z', '0 s');
SELECT * FROM pganalytics.backtest_rule('load_high', '2020-08-01 12:00Z', '2026-08-01 12:20Z', '1 s');
RESET ROLE;
-- The engine, minute by minute, comes to the same.
TRUNCATE pganalytics.alerts, pganalytics.alert_history, pganalytics.alert_rule_states;
SELECT count(shop.evaluate('load_high', '2026-08-01 11:58Z'::timestamptz + n * interval '1 min'))
FROM generate_series(0, 22) n;
SELECT labels, started_at, fired_at, resolved_at, peak FROM pganalytics.alerts WHERE fired_at IS NOT NULL;

-- One collector cannot take the places of others: of one source a hundred findings become alerts, of a rule
-- a thousand. What an alert stands for stays an alert; what is left out is counted, with its collector.
TRUNCATE pganalytics.alerts, pganalytics.alert_history, pganalytics.alert_rule_states;
INSERT INTO pganalytics.alert_rules (name, query, threshold, evaluate_every) VALUES ('full', 'SELECT 1 AS value', 90, '1 day');
CREATE FUNCTION shop.find(seconds int, VARIADIC findings jsonb[]) RETURNS TABLE (collector text, alerts bigint, first text)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pganalytics.record_evaluation('full', '2026-08-01 12:00Z'::timestamptz + seconds * interval '1 s',
        array_agg(f - 'v'), array_agg((f ->> 'v')::float8), NULL, 0) FROM unnest(findings) f;
    RETURN QUERY SELECT a.labels ->> 'collector', count(*), min(a.labels ->> 'mount') FROM pganalytics.alerts a
                 WHERE a.rule = 'full' AND a.state = 'firing' GROUP BY 1 ORDER BY 1;
END $$;
CREATE FUNCTION shop.flood(name text, count int, v float8, start int DEFAULT 1) RETURNS jsonb[] LANGUAGE sql AS $$
    SELECT array_agg(jsonb_strip_nulls(jsonb_build_object('collector', name, 'mount', to_char(n, 'FM00000'), 'v', v)))
    FROM generate_series(start, start + count - 1) n $$;
SELECT * FROM shop.find(0, VARIADIC shop.flood('hostile', 1000, 1e6) || shop.flood('victim', 1, 90.5) || shop.flood('small', 1, 90));
SELECT left_out, left_out_of, label_sets FROM pganalytics.alert_rule_states WHERE rule = 'full';
SELECT * FROM shop.find(1, VARIADIC shop.flood('hostile', 1000, 1e6) || shop.flood('hostile', 1000, 1e9, 5000) || shop.flood('victim', 1, 90.5));
SELECT value, labels FROM pganalytics.run_rule((SELECT query FROM pganalytics.alert_rules WHERE name = 'alert_rule_truncated'), now());
-- Every one of 950 collectors keeps its worst; an actor is a source, too; what names none has a thousand.
SELECT count(*), sum(alerts) FROM shop.find(2, VARIADIC shop.flood('hostile', 100, 1e6) || (
    SELECT array_agg(jsonb_build_object('collector', 'c' || n, 'mount', m, 'v', 91 + m)) FROM generate_series(1, 950) n, generate_series(1, 2) m));
SELECT left_out, left_out_of FROM pganalytics.alert_rule_states WHERE rule = 'full';
SELECT * FROM shop.find(3, VARIADIC shop.flood(NULL, 1200, 99));
SELECT left_out, left_out_of FROM pganalytics.alert_rule_states WHERE rule = 'full';
SELECT count(*) FROM shop.find(4, VARIADIC shop.flood('victim', 1, 90.5));
SELECT left_out, left_out_of FROM pganalytics.alert_rule_states WHERE rule = 'full';
-- Of a lower limit the lowest are the worst.
UPDATE pganalytics.alert_rules SET comparison = '<' WHERE name = 'full';
SELECT * FROM shop.find(5, VARIADIC shop.flood('victim', 150, 50) || shop.flood('victim', 1, 5, 900));
SELECT count(*) FROM pganalytics.alerts WHERE rule = 'full' AND state = 'firing' AND labels ->> 'mount' = '00900';
-- Labels that begin with two underscores are for texts: no other alert when they change, and no two alerts.
UPDATE pganalytics.alert_rules SET comparison = '>', annotations = '{"summary": "{{ $labels.mount }}: {{ $labels.__who }}"}' WHERE name = 'full';
SELECT count(*) FROM shop.find(6, VARIADIC '{}');
SELECT shop.find(7, '{"mount": "/", "__who": "ann\u202e", "v": 99}');
SELECT shop.find(8, '{"mount": "/", "__who": "bob", "v": 99}');
SELECT labels, annotations FROM pganalytics.alerts WHERE rule = 'full' AND state = 'firing';
SELECT shop.find(9, '{"mount": "/", "__who": "ann", "v": 99}', '{"mount": "/", "__who": "bob", "v": 99}');

DELETE FROM pganalytics.alert_rules WHERE name = 'full';
DROP FUNCTION shop.find, shop.flood;

-- What is over is removed when its time has come, unless somebody is still to be told.
TRUNCATE pganalytics.alerts, pganalytics.alert_history;
INSERT INTO pganalytics.alerts (rule, fingerprint, labels, severity, state, started_at, found_at, fired_at, resolved_at)
SELECT 'old', to_char(n, 'FM0000000000000000'), '{}', 'info', CASE WHEN n = 4 THEN 'firing' ELSE 'resolved' END,
       '2026-01-01', '2026-01-01', '2026-01-01', CASE WHEN n <> 4 THEN '2026-01-01'::timestamptz + n * interval '1 day' END
FROM generate_series(1, 5) n;
INSERT INTO pganalytics.alert_history (alert_id, at, change) SELECT alert_id, fired_at, 'firing' FROM pganalytics.alerts;
INSERT INTO pganalytics.alert_outbox (channel, alert_id, fingerprint, group_key, status, alert, latest, created_at, due_at, waiting_since, state, settled_at)
SELECT 'c', alert_id, fingerprint, 'g', 'firing', '{}', true, fired_at, fired_at, fired_at,
       CASE WHEN fingerprint::int = 2 THEN 'waiting' ELSE 'sent' END,
       CASE WHEN fingerprint::int <> 2 THEN fired_at END
FROM pganalytics.alerts;
SELECT pganalytics.prune_alerts(timestamptz '2026-01-04 00:00Z' + interval '1 h' + interval '24 h' * 90, 1);
SELECT pganalytics.prune_alerts(timestamptz '2026-01-04 00:00Z' + interval '1 h' + interval '24 h' * 90);
SELECT fingerprint::int, (SELECT count(*) FROM pganalytics.alert_history h WHERE h.alert_id = a.alert_id) AS history,
       (SELECT string_agg(o.state, ' ') FROM pganalytics.alert_outbox o WHERE o.alert_id = a.alert_id) AS outbox
FROM pganalytics.alerts a ORDER BY 1;
SELECT count(*) FROM pganalytics.alert_history;
SELECT count(*) FROM pganalytics.alert_outbox;

-- What workers count, for eight days. Only the call that the worker guards removes anything: to sample at
-- the time of a clock that is ahead costs nothing.
INSERT INTO pganalytics.self_samples (sampled_at, kind, number) VALUES ('2026-07-31 12:00Z', 'ingest', 1);
SELECT pganalytics.sample_workers('2026-08-01 12:00Z'), pganalytics.sample_workers('2026-08-09 12:00Z'),
       pganalytics.sample_workers('2026-08-09 12:00:01Z');
SELECT sampled_at FROM pganalytics.self_samples WHERE sampled_at < '2026-08-01 00:00Z';
SELECT pganalytics.prune_alerts('2026-08-09 12:00:01Z') >= 0 AS pruned;
SELECT sampled_at, count(*) = (SELECT count(*) FROM pganalytics.workers) AS all_of_them FROM pganalytics.self_samples
GROUP BY 1 UNION SELECT '2026-08-09 12:00:00Z', true UNION SELECT '2026-08-09 12:00:01Z', true ORDER BY 1;

-- Who may. Queries of one's own run only for administrators.
SET ROLE pganalytics_operator;
SELECT * FROM pganalytics.run_rule('SELECT 1 AS value', now());
SELECT * FROM pganalytics.backtest_rule('load_high', now(), now());
UPDATE pganalytics.alert_rules SET enabled = false;
SELECT pganalytics.record_evaluation('load_high', now(), '{}', '{}', NULL, 1);
SET ROLE pganalytics_admin;
SELECT pganalytics.record_evaluation('load_high', now(), '{}', '{}', NULL, 1);
UPDATE pganalytics.alerts SET state = 'resolved';
DELETE FROM pganalytics.alert_history;
SET ROLE pganalytics_alerts;
UPDATE pganalytics.alert_rules SET enabled = false;
DELETE FROM pganalytics.servers;
SELECT count(*) FROM pganalytics.collectors;
SET ROLE pganalytics_rules;
SELECT count(*) >= 0 AS readable FROM pganalytics.audit_log;
SELECT count(*) FROM pganalytics.enrollment_tokens;
RESET ROLE;
-- Nothing that the rules' role may do, but read.
SELECT DISTINCT a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
WHERE a.grantee = 'pganalytics_rules'::regrole;
SELECT DISTINCT x.privilege_type FROM pg_attribute t, aclexplode(t.attacl) x
WHERE x.grantee = 'pganalytics_rules'::regrole;
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
WHERE a.grantee = 'pganalytics_rules'::regrole AND p.prosecdef;
SELECT count(*) FROM pg_auth_members WHERE roleid = 'pganalytics_rules'::regrole OR member = 'pganalytics_rules'::regrole;

TRUNCATE pganalytics.alerts, pganalytics.alert_history, pganalytics.alert_rule_states, pganalytics.alert_outbox,
    pganalytics.self_samples;
DELETE FROM pganalytics.alert_rules WHERE name IN ('load_high', 'goes');
DROP SCHEMA shop CASCADE;
DROP ROLE regress_alert_admin;
