-- Metrics of type pg_cache: blocks found in shared buffers.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('table_cache_samples', 1, 'public', 'orders') AS orders,
       pg_temp.series('index_cache_samples', 1, 'public', 'orders', 'orders_pkey') AS orders_pkey \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.table_cache_samples VALUES
    (1, :orders, :'day', 900, 100, 1000, 90, 50, NULL, 50, 100, NULL, NULL, NULL, NULL),
    (1, :orders, :'day'::timestamptz + interval '1 min', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     1, 2, 3, 4);
INSERT INTO pganalytics.index_cache_samples VALUES (1, :orders_pkey, :'day', 50, NULL, 50, 100);

SET ROLE pganalytics_viewer;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, heap_blks_hit,
       heap_blks_read, total_heap_blks, heap_cache_hit_ratio, idx_blks_hit, idx_blks_read,
       total_idx_blks, idx_cache_hit_ratio, toast_blks_hit, toast_blks_read, tidx_blks_hit,
       tidx_blks_read
FROM pganalytics.table_cache ORDER BY sampled_at;
SELECT collector, server, database, sampled_at - :'day' AS at, schemaname, relname, indexrelname,
       idx_blks_hit, idx_blks_read, total_blks, cache_hit_ratio
FROM pganalytics.index_cache;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
