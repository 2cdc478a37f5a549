-- Metrics of type pg_bloat: dead rows and waste.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('table_bloat_samples', 1, 'public', 'orders') AS orders,
       pg_temp.series('index_bloat_samples', 1, 'public', 'orders', 'orders_pkey') AS orders_pkey \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.table_bloat_samples VALUES
    (1, :orders, :'day', 500, 1000, 33.33, '128 kB', 12.5, NULL, :'day', NULL, 4);
INSERT INTO pganalytics.index_bloat_samples VALUES
    (1, :orders_pkey, :'day', NULL, NULL, NULL, '16 kB', 'UNUSED', 'consider dropping it');

SET ROLE pganalytics_viewer;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, n_dead_tup,
       n_live_tup, dead_ratio_percent, table_size, space_wasted_percent, last_vacuum,
       last_autovacuum - :'day' AS vacuumed, vacuum_count, autovacuum_count
FROM pganalytics.table_bloat;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, indexrelname,
       idx_scan, idx_tup_read, idx_tup_fetch, index_size, usage_status, recommendation
FROM pganalytics.index_bloat;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
