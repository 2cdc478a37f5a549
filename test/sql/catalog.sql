-- The library's metric catalog against the tables: a column on one side alone is a difference.
SELECT relation, ordinal, name, json_key, type, role FROM pganalytics.metric_columns()
ORDER BY relation COLLATE "C", ordinal;

-- Where the worker puts what is no counter. stats_since is not stored itself: it makes the worker
-- note when a series began or began again.
CREATE TEMP TABLE stored_elsewhere (relation text, name text, role text, type text, stored_in regclass,
    stored_as text, stored_type text);
INSERT INTO stored_elsewhere VALUES
    ('query_samples', 'sampled_at', 'time', 'timestamp with time zone',
     'pganalytics.query_samples', 'sampled_at', 'timestamp with time zone'),
    ('query_samples', 'database', 'identity', 'text', 'pganalytics.databases', 'name', 'text'),
    ('query_samples', 'username', 'identity', 'text', 'pganalytics.query_series', 'username', 'text'),
    ('query_samples', 'queryid', 'identity', 'bigint', 'pganalytics.query_series', 'queryid', 'bigint'),
    ('query_samples', 'toplevel', 'identity', 'boolean',
     'pganalytics.query_series', 'toplevel', 'boolean'),
    ('query_samples', 'query', 'text', 'text', 'pganalytics.query_texts', 'text', 'text'),
    ('query_samples', 'stats_since', 'stats_since', 'timestamp with time zone',
     'pganalytics.query_series', 'from_zero', 'boolean'),
    ('query_samples', 'stats_since', 'stats_since', 'timestamp with time zone',
     'pganalytics.query_series', 'reset_at', 'timestamp with time zone');

CREATE FUNCTION pg_temp.columns_of(relation regclass)
    RETURNS TABLE (name text, type text, n bigint) LANGUAGE sql AS $$
    SELECT attname, format_type(atttypid, atttypmod), row_number() OVER (ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION pg_temp.differences() RETURNS TABLE (difference text) LANGUAGE sql AS $$
    WITH catalog AS (
        SELECT m.*, to_regclass('pganalytics.' || m.relation) AS stored_in
        FROM pganalytics.metric_columns() m
    ), relations AS (
        SELECT DISTINCT relation, stored_in FROM catalog
    ), keys (n, name, type) AS (
        VALUES (1, 'server_id', 'integer'), (2, 'series_id', 'integer'),
               (3, 'sampled_at', 'timestamp with time zone')
    ), wanted AS (
        -- The bulk insert writes the key, then the counters, in the catalog's order.
        SELECT r.relation, k.n::bigint, k.name, k.type FROM relations r, keys k
        UNION ALL
        SELECT relation, 3 + row_number() OVER (PARTITION BY relation ORDER BY ordinal), name, type
        FROM catalog WHERE role IN ('counter', 'value')
    ), found AS (
        SELECT r.relation, c.n, c.name, c.type
        FROM relations r, pg_temp.columns_of(r.stored_in) c
    )
    SELECT format('%s, column %s: the catalog has %s, the table has %s', relation, n,
                  coalesce(w.name || ' ' || w.type, 'nothing'),
                  coalesce(f.name || ' ' || f.type, 'nothing'))
    FROM wanted w FULL JOIN found f USING (relation, n)
    WHERE (w.name, w.type) IS DISTINCT FROM (f.name, f.type)
    UNION ALL
    SELECT format('%s.%s, %s, %s: %s', relation, name, role, type,
                  CASE WHEN s.name IS NULL THEN 'not known to be stored'
                       ELSE 'not in the catalog' END)
    FROM (SELECT * FROM catalog WHERE role NOT IN ('counter', 'value')) c
    FULL JOIN stored_elsewhere s USING (relation, name, role, type)
    WHERE c.name IS NULL OR s.name IS NULL
    UNION ALL
    SELECT format('%s.%s: there is no %s %s in %s', s.relation, s.name, s.stored_as, s.stored_type,
                  s.stored_in)
    FROM stored_elsewhere s
    WHERE NOT EXISTS (SELECT FROM pg_temp.columns_of(s.stored_in) c
                      WHERE c.name = s.stored_as AND c.type = s.stored_type)
    UNION ALL
    SELECT format('%s.%s: a key twice', relation, json_key) FROM catalog
    GROUP BY relation, json_key HAVING count(*) > 1
    UNION ALL
    SELECT format('%s is not kept by day by its time column', relation) FROM catalog
    WHERE role = 'time' AND NOT EXISTS (SELECT FROM pganalytics.partitioned_relations() p
                                        WHERE p.relation = catalog.relation
                                          AND p.time_column = catalog.name)
    UNION ALL
    -- A series is unique by all that the catalog calls its identity, and by nothing else.
    SELECT format('identity of a series: %s, unique key: %s', i.names, u.names)
    FROM (SELECT array_agg(CASE name WHEN 'database' THEN 'database_id' ELSE name END
                           ORDER BY CASE name WHEN 'database' THEN 'database_id' ELSE name END
                                    COLLATE "C") AS names
          FROM catalog WHERE relation = 'query_samples' AND role = 'identity') i,
         (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") AS names
          FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid
                                                  AND a.attnum = ANY (c.conkey)
          WHERE c.conrelid = 'pganalytics.query_series'::regclass AND c.contype = 'u'
            AND a.attname <> 'server_id') u
    WHERE i.names IS DISTINCT FROM u.names
    UNION ALL
    -- What is stored can be read.
    SELECT format('query_samples.%s: not in the view query_stats', c.name) FROM catalog c
    WHERE c.relation = 'query_samples' AND c.role = 'counter'
      AND NOT EXISTS (SELECT FROM pg_temp.columns_of(to_regclass('pganalytics.query_stats')) v
                      WHERE v.name = c.name AND v.type = c.type)
    UNION ALL
    -- Least, greatest, mean and deviation of all time have no difference.
    SELECT format('query_samples.%s: not in the result of %s', c.name, p.oid::regproc)
    FROM catalog c, pg_proc p
    WHERE c.relation = 'query_samples' AND c.role = 'counter'
      AND c.name NOT IN ('min_exec_time', 'max_exec_time', 'mean_exec_time', 'stddev_exec_time')
      AND p.pronamespace = 'pganalytics'::regnamespace
      AND p.proname IN ('query_deltas', 'query_activity', 'top_queries_between', 'top_queries')
      AND NOT EXISTS (SELECT FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes)
                          AS a(name, type, mode)
                      WHERE a.mode = 't' AND a.name = c.name AND format_type(a.type, NULL) = c.type)
    ORDER BY 1
$$;
SELECT * FROM pg_temp.differences();

-- That is what the comparison says of a column on one side alone, of another type, in another place.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
ALTER TABLE pganalytics.query_samples ADD COLUMN added bigint;
SELECT * FROM pg_temp.differences();
ROLLBACK;
BEGIN;
ALTER EXTENSION pganalytics DROP VIEW pganalytics.query_stats;
DROP VIEW pganalytics.query_stats;
ALTER TABLE pganalytics.query_samples DROP COLUMN wal_bytes;
SELECT * FROM pg_temp.differences() WHERE difference NOT LIKE '%query_stats';
ROLLBACK;
BEGIN;
ALTER EXTENSION pganalytics DROP VIEW pganalytics.query_stats;
DROP VIEW pganalytics.query_stats;
ALTER TABLE pganalytics.query_samples ALTER COLUMN wal_bytes TYPE numeric;
SELECT * FROM pg_temp.differences() WHERE difference NOT LIKE '%query_stats';
ROLLBACK;
BEGIN;
ALTER EXTENSION pganalytics DROP VIEW pganalytics.query_stats;
DROP VIEW pganalytics.query_stats;
ALTER TABLE pganalytics.query_samples RENAME COLUMN calls TO x;
ALTER TABLE pganalytics.query_samples RENAME COLUMN plans TO calls;
ALTER TABLE pganalytics.query_samples RENAME COLUMN x TO plans;
SELECT * FROM pg_temp.differences() WHERE difference NOT LIKE '%query_stats';
ROLLBACK;
BEGIN;
ALTER TABLE pganalytics.query_series DROP CONSTRAINT
    query_series_server_id_database_id_queryid_username_topleve_key;
ALTER TABLE pganalytics.query_series ADD UNIQUE (server_id, database_id, queryid);
SELECT * FROM pg_temp.differences();
ROLLBACK;
BEGIN;
INSERT INTO stored_elsewhere VALUES
    ('query_samples', 'application', 'identity', 'text', 'pganalytics.query_series', 'application',
     'text');
DELETE FROM stored_elsewhere WHERE name = 'query';
SELECT * FROM pg_temp.differences();
ROLLBACK;
