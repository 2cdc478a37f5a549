-- Metrics of type pg_log: lines of the server log.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('log_lines', 1) AS shop, pg_temp.series('log_lines', 2) AS bank \gset
SET ROLE pganalytics_ingest;
-- The hash is of the line; the worker stores a hash once, so the same line of another day is not
-- another row.
INSERT INTO pganalytics.log_lines VALUES
    (1, :shop, :'day', 'ERROR', E'relation "x" does not exist\nat character 15', '2000-01-01', -1),
    (1, :shop, :'day'::timestamptz + interval '1 min', 'LOG', 'checkpoint starting: time', NULL, 2),
    (2, :bank, :'day', NULL, '', NULL, -1);

SET ROLE pganalytics_viewer;
SELECT collector, server, database, sampled_at - :'day' AS at, level, message,
       reported_at AT TIME ZONE 'UTC' AS reported_at
FROM pganalytics.log_entries ORDER BY collector, sampled_at;
SELECT message FROM pganalytics.log_entries WHERE level IN ('ERROR', 'FATAL', 'PANIC');

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
