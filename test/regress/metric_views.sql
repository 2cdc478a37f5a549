-- How the views are planned: a condition on the time reads the days asked for and no others, whatever
-- else is asked, and a sample is joined to its series by both parts of the key.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup
SELECT count(pganalytics.make_partition(relation, (now() AT TIME ZONE 'UTC')::date - n)) AS days_before
FROM pganalytics.metrics(), generate_series(1, 5) AS n;

-- The days that a plan reads, counted back from today; {} if it reads none.
CREATE FUNCTION pg_temp.days_read(query text) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) ' || query INTO plan;
    RETURN ARRAY(SELECT DISTINCT (now() AT TIME ZONE 'UTC')::date
                                 - to_date(substring(r #>> '{}', '_p(\d{8})$'), 'YYYYMMDD') AS ago
                 FROM jsonb_path_query(plan, '$.**."Relation Name"') AS r
                 WHERE r #>> '{}' ~ '_p\d{8}$' ORDER BY ago);
END
$$;
-- Every view with the time of its samples: all days; today; since an hour before today, by now();
-- yesterday, of one server and database.
CREATE TEMP TABLE plans AS
    SELECT c.relname::text AS view, q.n, pg_temp.days_read(format(q.query, c.relname)) AS days
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'sampled_at',
         (VALUES (1, 'SELECT * FROM pganalytics.%I'),
                 (2, format('SELECT * FROM pganalytics.%%I WHERE sampled_at >= %L', :'day')),
                 (3, format('SELECT * FROM pganalytics.%%I WHERE sampled_at >= now() - (now() - %L)'
                            ' - interval ''1 h''', :'day')),
                 (4, format('SELECT * FROM pganalytics.%%I WHERE collector = ''east'' AND server = ''default'''
                            ' AND sampled_at < %1$L AND sampled_at >= %1$L::timestamptz - interval ''1 day''',
                            :'day'))) AS q (n, query)
    WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind = 'v'
      -- These show what is now; they look for the newest sample of each series.
      AND c.relname NOT IN ('extensions', 'schema_objects');
SELECT n, days, count(*) AS views FROM plans GROUP BY n, days ORDER BY n, days;

-- What is now is found in the newest day that has it: the days before are planned and not read.
SELECT pg_temp.series('extension_samples', 1, 'plpgsql') AS plpgsql \gset
INSERT INTO pganalytics.extension_samples VALUES
    (1, :plpgsql, :'day', '1.0'), (1, :plpgsql, :'day'::timestamptz - interval '1 day', '1.0');
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.scans_run(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON) ' || query INTO plan;
    RETURN QUERY SELECT (now() AT TIME ZONE 'UTC')::date
                        - to_date(substring(s ->> 'Relation Name', '\d{8}$'), 'YYYYMMDD') || ' days ago: '
                        || (s ->> 'Node Type') || ', '
                        || regexp_replace(s ->> 'Index Cond', '''.*''::', 'T::')
                 FROM jsonb_path_query(plan, '$.** ? (@."Actual Loops" > 0)') AS s
                 WHERE s ->> 'Relation Name' ~ '_p\d{8}$' GROUP BY 1;
END
$$;
SELECT pg_temp.scans_run('SELECT extname, version FROM pganalytics.extensions') AS run;
-- So are the samples of one series, by the index of each day.
SELECT pg_temp.scans_run(format('SELECT * FROM pganalytics.extension_history WHERE extname = ''plpgsql''
                                 AND sampled_at >= %L', :'day')) AS run;
RESET enable_seqscan;
SELECT count(pganalytics.drop_partitions(relation, (now() AT TIME ZONE 'UTC')::date)) AS relations
FROM pganalytics.metrics();

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
