-- What rules would have fired, against what was computed by hand. Times are seconds after noon yesterday.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup
\set setup :test_dir /sql/setup/alert_rules.sql
\i :setup
SELECT pganalytics.make_audit_partition((now() AT TIME ZONE 'UTC')::date) IS NOT NULL AS made;
CREATE FUNCTION pg_temp.seconds(moment timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT extract(epoch FROM moment - pg_temp.at())::float8 $$;
CREATE FUNCTION pg_temp.backtest(rule text, "to" float8, step interval DEFAULT NULL, threshold float8 DEFAULT NULL)
    RETURNS TABLE (labels text, started float8, fired float8, resolved float8, peak float8) LANGUAGE sql AS $$
    SELECT (SELECT string_agg(l.value, ' ' ORDER BY l.key) FROM jsonb_each_text(b.labels) l
            WHERE l.key NOT IN ('alertname', 'severity')),
           pg_temp.seconds(b.started_at), pg_temp.seconds(b.fired_at), pg_temp.seconds(b.resolved_at), b.peak
    FROM pganalytics.backtest_rule(rule, pg_temp.at(), pg_temp.at("to"), step, threshold) b $$;
BEGIN;

-- failed_login_surge, each minute, more than 10 in 300 s, kept for 300 s. Logins fail at 30 (6), 190 (5) and
-- 700 (20), as 4 and a count of 16 over 10 s.
--   at   0 ..  180: the window ends before 190: 6 at the most.
--   at 240: (-60, 240] has 6 + 5 = 11: fires.   at 300: (0, 300] has 11, found for the last time.
--   at 360: (60, 360] has 5. Kept until 300 + 300 = 600: resolved at 600. Peak 11.
--   at 720: (420, 720] has 20: fires. Found at 780, 840, 900 and at 960, whose window (660, 960] has 20.
--   at 1020: (720, 1020] has none. Kept until 960 + 300 = 1260, behind the end at 1200: not resolved.
-- With a threshold of 5: at 60 (-240, 60] has 6: fires; at 300 found for the last time; resolved at 600.
SELECT pg_temp.tell('auth.login_failed', 30, 6), pg_temp.tell('auth.login_failed', 190, 5), pg_temp.tell('auth.login_failed', 700, 4),
       pg_temp.tell('auth.login_failed', 700, 1, details => '{"count": 16, "seconds": 10}');
SELECT * FROM pg_temp.backtest('failed_login_surge', 1200, '1 min');
SELECT * FROM pg_temp.backtest('failed_login_surge', 1200, '1 min', 5);
SELECT * FROM pg_temp.backtest('failed_login_surge', 1200, '1 min', 20);

-- disk_watermark, each minute (its own interval), above 90 for 120 s. A sample a minute:
--   60, 120: 91, 180: 80: pending at 60, at 120 for 60 s, at 180 gone: never fires.
--   300 .. 540: 95, 600: 80: pending at 300, at 420 for 120 s: fires; resolved at 600. Peak 95.
--   The other file system: 92 at 660 and none after: pending at 660, fires at 780, and the sample counts for
--   600 s: until before 1260. Resolved at 1260.
SELECT pg_temp.series('filesystem_samples', 1, '/dev/a', '/') AS root, pg_temp.series('filesystem_samples', 2, '/dev/b', '/data') AS data \gset
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used)
SELECT 1, :root, pg_temp.at(second), percent
FROM (VALUES (60, 91), (120, 91), (180, 80), (240, 80), (300, 95), (360, 94), (420, 93), (480, 92), (540, 91), (600, 80)) AS s(second, percent);
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, percent_used) VALUES (2, :data, pg_temp.at(660), 92);
SELECT * FROM pg_temp.backtest('disk_watermark', 1500);

-- collector_silent, each minute, more than 300 s. Pushes at 0, 60, 120 and 900; the other server each minute.
--   at 420: 420 - 120 = 300, not more.   at 480: 360: fires.   at 840: 720: the peak.   at 900: 0: resolved.
INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed, stored, unchanged,
    merged, beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large, queries)
SELECT pg_temp.at(second), server, gen_random_uuid(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM (SELECT 1 AS server, unnest(ARRAY[0, 60, 120, 900]) AS second
      UNION ALL SELECT 2, generate_series(0, 1200, 60)) AS p;
UPDATE pganalytics.servers SET first_seen = pg_temp.at();
SELECT * FROM pg_temp.backtest('collector_silent', 1200, '1 min');

-- Nothing of this has become an alert.
SELECT count(*) FROM pganalytics.alerts;
ROLLBACK;

-- Of what is only known of now nothing can be said of then.
SELECT name FROM pganalytics.alert_rules WHERE builtin AND query !~ 'evaluation_time' ORDER BY name;
SELECT * FROM pganalytics.backtest_rule('alert_rule_failing', now() - interval '1 hour', now());

DROP SEQUENCE audit_rows;
\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
