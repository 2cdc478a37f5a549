-- Metrics of type sysstat: processor, memory and block devices of the host.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('host_samples', 1) AS east, pg_temp.series('host_samples', 2) AS west,
       pg_temp.series('disk_io_samples', 1, 'sda') AS sda,
       pg_temp.series('disk_io_samples', 1, 'nvme0n1') AS nvme \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.host_samples VALUES
    (1, :east, :'day', 12.5, 3.5, 83, 1, 0.42, 0.4, 0.38, 16000, 8000, 4000, 3999.5),
    (2, :west, :'day', 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0);
INSERT INTO pganalytics.disk_io_samples VALUES
    (1, :sda, :'day', 100, 200, 3000000000, 400), (1, :nvme, :'day', NULL, NULL, NULL, NULL);

SET ROLE pganalytics_viewer;
SELECT collector, server, sampled_at - :'day' AS at, cpu_user_percent, cpu_system_percent,
       cpu_idle_percent, cpu_iowait_percent, load_1m, load_5m, load_15m
FROM pganalytics.host_stats ORDER BY collector;
SELECT collector, memory_total_mb, memory_free_mb, memory_cached_mb, memory_used_mb
FROM pganalytics.host_stats ORDER BY collector;
SELECT collector, server, sampled_at - :'day' AS at, device, read_ops, write_ops, read_sectors,
       write_sectors
FROM pganalytics.disk_io ORDER BY device;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
