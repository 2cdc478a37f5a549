-- Metrics of type pg_extensions, stored when they change and once a day: now, since when, and before.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pganalytics.make_partition('extension_samples', (now() AT TIME ZONE 'UTC')::date - n)
       IS NOT NULL AS made
FROM generate_series(1, 3) AS n;
SELECT pg_temp.series('extension_samples', 1, 'plpgsql') AS plpgsql,
       pg_temp.series('extension_samples', 1, 'postgis') AS postgis,
       pg_temp.series('extension_samples', 1, 'hstore') AS hstore,
       pg_temp.series('extension_samples', 2, 'plpgsql') AS plpgsql_in_bank \gset
CREATE FUNCTION pg_temp.ago(days integer, minutes integer DEFAULT 0) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT ((now() AT TIME ZONE 'UTC')::date - days)::timestamp AT TIME ZONE 'UTC'
           + minutes * interval '1 min' $$;
SET ROLE pganalytics_ingest;
-- Unchanged; updated two days ago at noon, and moved back and forth before; dropped yesterday.
INSERT INTO pganalytics.extension_samples (server_id, series_id, sampled_at, version, owner, schema,
    relocatable, description)
SELECT 1, :plpgsql, pg_temp.ago(n), '1.0', 'postgres', 'pg_catalog', false, NULL
FROM generate_series(0, 3) AS n;
INSERT INTO pganalytics.extension_samples (server_id, series_id, sampled_at, version, owner, schema,
    relocatable, description)
SELECT 1, :postgis, at, version, 'postgres', schema, true, 'maps'
FROM (VALUES (pg_temp.ago(3), '3.3', 'public'), (pg_temp.ago(3, 60), '3.3', 'gis'),
             (pg_temp.ago(3, 120), '3.3', 'public'), (pg_temp.ago(2), '3.3', 'public'),
             (pg_temp.ago(2, 720), '3.4', 'public'), (pg_temp.ago(1), '3.4', 'public'),
             (pg_temp.ago(0), '3.4', 'public')) AS v (at, version, schema);
INSERT INTO pganalytics.extension_samples VALUES
    (1, :hstore, pg_temp.ago(2), '1.8', 'postgres', 'public', true, NULL),
    (2, :plpgsql_in_bank, pg_temp.ago(0), '1.0', 'postgres', 'pg_catalog', false, NULL);
RESET ROLE;
UPDATE pganalytics.metric_series SET gone_at = pg_temp.ago(1) WHERE series_id = :hstore;

SET ROLE pganalytics_viewer;
SELECT collector, server, database, extname, version, owner, schema, relocatable, description
FROM pganalytics.extensions ORDER BY collector, extname;
SELECT collector, extname, since - :'day' AS since, sampled_at - :'day' AS at,
       first_seen - :'day' AS first_seen
FROM pganalytics.extensions ORDER BY collector, extname;
SELECT collector, server, database, sampled_at - :'day' AS at, extname, version, owner, schema,
       relocatable, description, gone_at - :'day' AS gone_at
FROM pganalytics.extension_history WHERE extname <> 'plpgsql' ORDER BY extname, sampled_at;
-- One that has gone and come back is there again.
RESET ROLE;
SELECT pg_temp.series('extension_samples', 1, 'hstore') = :hstore AS same_series;
SELECT extname, since - :'day' AS since FROM pganalytics.extensions WHERE extname = 'hstore';
SELECT pganalytics.drop_partitions('extension_samples', (now() AT TIME ZONE 'UTC')::date);
-- What is no longer kept is no longer known.
SELECT extname, since - :'day' AS since FROM pganalytics.extensions ORDER BY collector, extname;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
