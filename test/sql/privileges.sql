-- Each role does what it may and tries what it may not.
\set SHOW_CONTEXT never
SELECT pganalytics.make_partitions(0);
CREATE ROLE regress_nobody;
CREATE FUNCTION attempt(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    EXECUTE statement;
    RESET ROLE;
    RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- A server with a series, so that updates have a row to meet.
INSERT INTO pganalytics.collectors (name, token_sha256) VALUES ('east', sha256('east'));
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'east.example' FROM pganalytics.collectors;

CREATE TABLE statements (n serial, statement text);
INSERT INTO statements (statement) VALUES
    ('SELECT collector_id, name, enabled FROM pganalytics.collectors'),
    ('SELECT token_sha256 FROM pganalytics.collectors'),
    ('SELECT * FROM pganalytics.collectors'),
    ('SELECT * FROM pganalytics.servers, pganalytics.databases, pganalytics.query_series'),
    ('SELECT * FROM pganalytics.query_texts'),
    ('SELECT * FROM pganalytics.query_samples'),
    ('SELECT * FROM pganalytics.push_ledger'),
    ('SELECT * FROM pganalytics.query_stats'),
    ('SELECT * FROM pganalytics.partitions'),
    ('SELECT * FROM pganalytics.query_activity(now(), now())'),
    ('SELECT * FROM pganalytics.top_queries()'),
    ('SELECT * FROM pganalytics.create_collector(''new'')'),
    ('SELECT * FROM pganalytics.rotate_token(''east'')'),
    ('SELECT pganalytics.set_collector_enabled(''east'', true)'),
    ('SELECT pganalytics.new_token()'),
    ('UPDATE pganalytics.collectors SET collector_id = gen_random_uuid()'),
    ('DELETE FROM pganalytics.collectors'),
    ('INSERT INTO pganalytics.servers (collector_id, name, hostname) SELECT collector_id, ''b'', ''b'' FROM pganalytics.collectors'),
    ('UPDATE pganalytics.servers SET hostname = ''b'', server_version = 150000, collector_version = ''1'''),
    ('UPDATE pganalytics.servers SET name = ''b'''),
    ('DELETE FROM pganalytics.servers'),
    ('INSERT INTO pganalytics.databases (server_id, name) SELECT server_id, ''b'' FROM pganalytics.servers'),
    ('UPDATE pganalytics.databases SET name = ''b'''),
    ('INSERT INTO pganalytics.query_texts (text_hash, text) VALUES (gen_random_uuid(), ''b'') ON CONFLICT (text_hash) DO NOTHING'),
    ('UPDATE pganalytics.query_texts SET text = ''b'''),
    ('INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, first_seen, last_seen, from_zero) VALUES (1, 1, ''b'', 1, true, now(), now(), false) ON CONFLICT (server_id, database_id, queryid, username, toplevel) DO UPDATE SET text_id = 1, last_seen = now(), reset_at = now()'),
    ('UPDATE pganalytics.query_series SET queryid = 1'),
    ('DELETE FROM pganalytics.query_series'),
    ('INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at) VALUES (1, 1, now())'),
    (format('INSERT INTO %s (server_id, series_id, sampled_at) VALUES (1, 1, now())',
            (SELECT partition FROM pganalytics.partitions
             WHERE relation = 'query_samples' AND day = (now() AT TIME ZONE 'UTC')::date))),
    ('UPDATE pganalytics.query_samples SET calls = 0'),
    ('DELETE FROM pganalytics.query_samples'),
    ('TRUNCATE pganalytics.query_samples'),
    ('INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, body_bytes, observed, stored, unchanged, merged, discarded_too_old, discarded_in_future) VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 0, 0, 0, 0)'),
    ('UPDATE pganalytics.push_ledger SET stored = 0'),
    ('DELETE FROM pganalytics.push_ledger'),
    ('SELECT pganalytics.make_partition(''query_samples'', current_date + 4)'),
    ('SELECT pganalytics.make_partitions(1)'),
    ('SELECT pganalytics.drop_partitions(''query_samples'', current_date - 10)'),
    ('CREATE TABLE pganalytics.mine (x int)'),
    ('DROP TABLE pganalytics.query_samples'),
    ('SELECT setval(''pganalytics.servers_server_id_seq'', 1)');
-- The attempts are undone, one by one.
CREATE FUNCTION attempt_and_undo(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    BEGIN
        outcome := attempt(who, statement);
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        RETURN outcome;
    END;
END
$$;
SELECT regexp_replace(s.statement, '_p\d{8}', '_pDAY') AS statement,
       attempt_and_undo('pganalytics_viewer', s.statement) AS viewer,
       attempt_and_undo('pganalytics_admin', s.statement) AS admin,
       attempt_and_undo('pganalytics_ingest', s.statement) AS ingest,
       attempt_and_undo('regress_nobody', s.statement) AS nobody
FROM statements s ORDER BY n;

DROP FUNCTION attempt_and_undo, attempt;
DROP TABLE statements;
DROP ROLE regress_nobody;
DELETE FROM pganalytics.servers;
DELETE FROM pganalytics.collectors;
