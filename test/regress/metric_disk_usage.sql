-- Metrics of type disk_usage: file systems.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('filesystem_samples', 1, '/dev/sda1', '/') AS root,
       pg_temp.series('filesystem_samples', 1, '/dev/sda1', '/mnt') AS mnt,
       pg_temp.series('filesystem_samples', 2, '', '/data') AS data \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.filesystem_samples VALUES
    (1, :root, :'day', 100, 75, 25, 75), (1, :mnt, :'day', 100, 75, 25, 75),
    (2, :data, :'day', NULL, 0, 0.5, NULL);

SET ROLE pganalytics_viewer;
-- One device in two places is two; a device that the collector did not name is unknown.
SELECT collector, server, sampled_at - :'day' AS at, device, mount, total_gb, used_gb, free_gb,
       percent_used
FROM pganalytics.disk_usage ORDER BY collector, mount;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
