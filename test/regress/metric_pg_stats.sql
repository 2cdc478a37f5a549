-- Metrics of type pg_stats: databases, tables, indexes.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('database_samples', 1) AS shop, pg_temp.series('database_samples', 2) AS bank,
       pg_temp.series('table_samples', 1, 'public', 'orders') AS orders,
       pg_temp.series('index_samples', 1, 'public', 'orders', 'orders_pkey') AS orders_pkey \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.database_samples VALUES
    (1, :shop, :'day', 8000000000, 100, 2, 5000000000, 40, 30, 20, 10),
    (2, :bank, :'day', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO pganalytics.table_samples VALUES
    (1, :orders, :'day', 1000, 10, 3, 81920, NULL, :'day', NULL, :'day', NULL, 7),
    (1, :orders, :'day'::timestamptz + interval '1 min', 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL,
     NULL);
INSERT INTO pganalytics.index_samples VALUES
    (1, :orders_pkey, :'day', 12, 0, 5, 16384, 'ACTIVE'),
    (1, :orders_pkey, :'day'::timestamptz + interval '1 min', NULL, NULL, NULL, 16384, 'UNUSED');

SET ROLE pganalytics_viewer;
-- A counter that is not stored is zero; a value that is not stored is unknown.
SELECT collector, server, database, sampled_at - :'day' AS at, size_bytes, xact_commit, xact_rollback,
       tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted
FROM pganalytics.database_stats ORDER BY collector;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, n_live_tup,
       n_dead_tup, n_mod_since_analyze, size_bytes, last_vacuum, last_autovacuum - :'day' AS vacuumed,
       last_analyze, last_autoanalyze - :'day' AS analyzed, vacuum_count, autovacuum_count
FROM pganalytics.table_stats ORDER BY sampled_at;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, indexrelname,
       idx_scan, idx_tup_read, idx_tup_fetch, size_bytes, status
FROM pganalytics.index_stats ORDER BY sampled_at;
-- A question as people ask it: what an index did between its first and its last sample.
SELECT database, indexrelname, max(idx_scan) - min(idx_scan) AS range
FROM pganalytics.index_stats WHERE sampled_at >= :'day' AND relname = 'orders' GROUP BY 1, 2;
-- A series without samples and a sample without series are not shown.
RESET ROLE;
INSERT INTO pganalytics.table_samples VALUES (2, :orders, :'day', 1), (1, 0, :'day', 1);
SELECT count(*) FROM pganalytics.table_stats;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
