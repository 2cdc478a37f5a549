-- Each built-in rule about monitored servers: what makes it fire, and what at its border does not. Times
-- are yesterday's; each case is undone.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup
\set setup :test_dir /sql/setup/alert_rules.sql
\i :setup

-- disk_watermark: 90 % is none; what is more fires after two minutes; the newest sample counts, for ten
-- minutes.
BEGIN;
SELECT pg_temp.series('filesystem_samples', 1, '/dev/a', '/') AS root, pg_temp.series('filesystem_samples', 1, '/dev/b', '/data') AS data,
       pg_temp.series('filesystem_samples', 2, 'tmpfs', '') AS other \gset
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used) VALUES
    (1, :root, pg_temp.at(-60), 99), (1, :root, pg_temp.at(-1), 90), (1, :data, pg_temp.at(-60), 80),
    (1, :data, pg_temp.at(0), 90.011), (1, :data, pg_temp.at(120), 91), (2, :other, pg_temp.at(-600), 99),
    (2, :other, pg_temp.at(-601), 99);
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.at(-0.5));
SELECT * FROM pg_temp.evaluate('disk_watermark');
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.at(119));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.at(120));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.at(720));
ROLLBACK;
-- While this server was down nobody could push: what fires goes on until its next sample, or until collectors
-- have had the time to push.
BEGIN;
SELECT pg_temp.series('filesystem_samples', 1, '/dev/a', '/') AS root, pg_temp.series('filesystem_samples', 1, '/dev/b', '/data') AS data \gset
CREATE FUNCTION pg_temp.after_start(seconds float8) RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT pg_postmaster_start_time() + make_interval(secs => seconds) $$;
SELECT count(pganalytics.make_partition('filesystem_samples', (pg_temp.after_start(s) AT TIME ZONE 'UTC')::date)) FROM unnest(ARRAY[-1500, 20]) s;
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used)
SELECT 1, s, pg_temp.after_start(at), used FROM (VALUES (:root, -1500, 95), (:data, -1500, 95), (:root, -1200, 95), (:data, -1200, 95), (:root, 20, 80)) v (s, at, used);
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(-1400));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(-1200));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(10));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(20));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(299));
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.after_start(300));
ROLLBACK;
-- A thousand file systems of one collector leave room for those of others.
BEGIN;
SELECT count(pg_temp.series('filesystem_samples', 2, '/dev/' || n, '/' || n)) FROM generate_series(1, 1000) n;
SELECT pg_temp.series('filesystem_samples', 1, '/dev/a', '/') AS root \gset
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used)
SELECT server_id, series_id, pg_temp.at(at), CASE server_id WHEN 1 THEN 91 ELSE 1e6 END
FROM pganalytics.metric_series, unnest(ARRAY[-1, 119]) at WHERE relation = 'filesystem_samples' AND (server_id = 2 OR series_id = :root);
SELECT count(*) FROM pg_temp.evaluate('disk_watermark');
SELECT state, count(*), min(labels) FROM pg_temp.evaluate('disk_watermark', pg_temp.at(120)) GROUP BY state, split_part(labels, ' ', 1) ORDER BY 2;
SELECT * FROM pg_temp.evaluate('alert_rule_truncated', pg_temp.at(120));
ROLLBACK;

-- replication_lag: 60 s are none; the slower of two of a name; one that says nothing is none.
BEGIN;
SELECT pg_temp.series('replication_samples', 1, 'standby', '10.0.0.2') AS standby, pg_temp.series('replication_samples', 1, 'near', '') AS near,
       pg_temp.series('replication_samples', 2, 'mute', '') AS mute \gset
INSERT INTO pganalytics.replication_samples (server_id, series_id, sampled_at, replay_lag_ms) VALUES
    (1, :standby, pg_temp.at(-1), 5), (1, :standby, pg_temp.at(-1), 60001), (1, :near, pg_temp.at(-2), 90000),
    (1, :near, pg_temp.at(-1), 60000), (2, :mute, pg_temp.at(-1), NULL);
SELECT * FROM pg_temp.evaluate('replication_lag');
SELECT * FROM pg_temp.evaluate('replication_lag', pg_temp.at(120));
ROLLBACK;

-- replication_slot_retention: 10 GiB are none.
BEGIN;
SELECT pg_temp.series('replication_slot_samples', 1, 'full') AS full, pg_temp.series('replication_slot_samples', 1, 'border') AS border,
       pg_temp.series('replication_slot_samples', 2, 'old') AS old \gset
INSERT INTO pganalytics.replication_slot_samples (server_id, series_id, sampled_at, bytes_retained, wal_retained_mb) VALUES
    (1, :full, pg_temp.at(-1), 10737418241, 10240), (1, :border, pg_temp.at(-1), 10737418240, 99999),
    (2, :old, pg_temp.at(-1), NULL, 10241);
SELECT * FROM pg_temp.evaluate('replication_slot_retention');
SELECT * FROM pg_temp.evaluate('replication_slot_retention', pg_temp.at(120));
ROLLBACK;

-- wraparound_risk: a milliard left is none.
BEGIN;
SELECT pg_temp.series('wraparound_samples', 1, 'shop') AS shop, pg_temp.series('wraparound_samples', 1, 'crm') AS crm \gset
INSERT INTO pganalytics.wraparound_samples (server_id, series_id, sampled_at, xid_until_wraparound) VALUES
    (1, :shop, pg_temp.at(-1), 999999999), (1, :crm, pg_temp.at(-1), 1000000000), (1, :crm, pg_temp.at(-900), 1);
SELECT * FROM pg_temp.evaluate('wraparound_risk');
ROLLBACK;

-- lock_wait_long: 60 s are none; the longest of a database; three minutes.
BEGIN;
SELECT pg_temp.series('lock_wait_samples', 1) AS shop, pg_temp.series('lock_wait_samples', 2) AS bank \gset
INSERT INTO pganalytics.lock_wait_samples (server_id, series_id, sampled_at, blocked_pid, wait_time_seconds) VALUES
    (1, :shop, pg_temp.at(-1), 7, 60.5), (1, :shop, pg_temp.at(-1), 8, 61), (2, :bank, pg_temp.at(-1), 9, 60),
    (2, :bank, pg_temp.at(-180), 9, 999);
SELECT * FROM pg_temp.evaluate('lock_wait_long');
SELECT * FROM pg_temp.evaluate('lock_wait_long', pg_temp.at(179));
ROLLBACK;

-- idle_transaction_long: 600 s are none; a session is of its own database, whoever was asked.
BEGIN;
SELECT pg_temp.series('idle_transaction_samples', 1) AS shop, pg_temp.series('idle_transaction_samples', 2) AS bank \gset
INSERT INTO pganalytics.idle_transaction_samples (server_id, series_id, sampled_at, pid, datname, duration_seconds) VALUES
    (1, :shop, pg_temp.at(-1), 7, 'crm', 600.5), (1, :shop, pg_temp.at(-2), 7, 'crm', 700), (1, :shop, pg_temp.at(-1), 8, 'shop', 600),
    (2, :bank, pg_temp.at(-1), 9, NULL, 601);
SELECT * FROM pg_temp.evaluate('idle_transaction_long');
ROLLBACK;

-- query_mean_doubled. Counters (calls, ms) at the end and one hour before, now and a week ago:
--   1: 100 calls of 200 ms, then 100 of 100 ms: twice as long.
--   2: 199.9 ms against 100 ms: not quite.     3: 99 calls now.     4: 99 calls then.
--   5: ten times as long, but 9.999 s in all.  6: began again in the hour, says its reset.
--   7: began again in the hour of last week.   8: the sum of the others.     9: new this week.
--  10: not called in the last hour.
BEGIN;
INSERT INTO pganalytics.query_series (server_id, series_id, database_id, username, queryid, toplevel, first_seen,
    last_seen, from_zero, reset_at) OVERRIDING SYSTEM VALUE
SELECT 1, n, 1, CASE n WHEN 8 THEN '' ELSE 'ann' END, CASE n WHEN 8 THEN 0 ELSE 100 + n END, true,
       pg_temp.at() - CASE n WHEN 9 THEN interval '6 days' ELSE interval '30 days' END, pg_temp.at(-3600), false,
       CASE n WHEN 6 THEN pg_temp.at(-1800) WHEN 1 THEN pg_temp.at(-3700) END
FROM generate_series(1, 10) AS n;
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, total_exec_time)
SELECT 1, n, pg_temp.at() - age, nullif(calls, 0), nullif(total, 0)
FROM (VALUES (1, 600, 80000, 700, 100000, 50, 10000, 150, 20000),
             (2, 600, 80000, 700, 99990, 50, 10000, 150, 20000),
             (3, 600, 80000, 699, 100000, 50, 10000, 150, 20000),
             (4, 600, 80000, 700, 100000, 50, 10000, 149, 19900),
             (5, 600, 80000, 700, 89999, 50, 10000, 150, 11000),
             (6, 600, 80000, 700, 100000, 50, 10000, 150, 20000),
             (7, 600, 80000, 700, 100000, 999, 10000, 150, 20000),
             (8, 600, 80000, 700, 100000, 50, 10000, 150, 20000),
             (9, 600, 80000, 700, 100000, 50, 10000, 150, 20000),
             (10, 0, 0, 0, 0, 50, 10000, 150, 20000)) AS c(n, c1, t1, c2, t2, c3, t3, c4, t4)
CROSS JOIN LATERAL (VALUES (interval '1 hour', c1, t1), ('1 min', c2, t2), ('7 days 1 hour', c3, t3),
                           ('7 days', c4, t4)) AS s(age, calls, total)
WHERE NOT (n = 10 AND age < '7 days');
SELECT * FROM pg_temp.evaluate('query_mean_doubled');
ROLLBACK;

-- The built-in inhibition: what is about a server that is silent, and nothing else.
BEGIN;
SELECT pg_temp.series('filesystem_samples', 1, '/dev/a', '/') AS east, pg_temp.series('filesystem_samples', 2, '/dev/a', '/') AS west \gset
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used) VALUES
    (1, :east, pg_temp.at(-1), 95), (2, :west, pg_temp.at(-1), 95);
INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed, stored, unchanged, merged,
    beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large, queries)
SELECT pg_temp.at(seconds), server, gen_random_uuid(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM (VALUES (1, -400), (2, -30)) AS p(server, seconds);
UPDATE pganalytics.servers SET first_seen = pg_temp.at(-500);
SELECT count(*) FROM pg_temp.evaluate('disk_watermark');
SELECT * FROM pg_temp.evaluate('disk_watermark', pg_temp.at(121));
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(121));
SELECT a.rule, a.labels ->> 'collector' AS collector, m.muted_by
FROM pganalytics.alerts a LEFT JOIN pganalytics.alert_mutes(pg_temp.at(122)) m USING (alert_id) ORDER BY 1, 2;
ROLLBACK;

DROP SEQUENCE audit_rows;
\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
