-- Metrics that the wire protocol of old collectors does not have: what pg_stat_statements says of itself,
-- and types that this version does not know.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('statements_info_samples', 1) AS info,
       pg_temp.series('unknown_metric_samples', 1) AS unknown \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.statements_info_samples VALUES
    (1, :info, :'day', 4990, 5000, 17, :'day'),
    (1, :info, :'day'::timestamptz + interval '1 min', 12, 5000, NULL, NULL);
INSERT INTO pganalytics.unknown_metric_samples VALUES
    (1, :unknown, :'day', 'pg_future', '{"type": "pg_future",  "values": [1e2]}'),
    (1, :unknown, :'day', 'pg_other', 'null');

SET ROLE pganalytics_viewer;
SELECT collector, server, sampled_at - :'day' AS at, statements, max_statements, dealloc,
       stats_reset - :'day' AS stats_reset
FROM pganalytics.statements_info ORDER BY sampled_at;
SELECT collector, server, sampled_at - :'day' AS at, type, metric FROM pganalytics.unknown_metrics
ORDER BY type;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
