-- The library's metric catalog against the tables and views: what is on one side alone is a
-- difference.
\set SHOW_CONTEXT never
SELECT * FROM pganalytics.metrics() ORDER BY relation COLLATE "C";
SELECT relation, ordinal, name, json_key, type, role, scope, content FROM pganalytics.metric_columns()
ORDER BY relation COLLATE "C", ordinal;

-- Where the worker puts what is no counter or value of a query. stats_since is not stored itself: it
-- makes the worker note when a series began or began again.
CREATE TEMP TABLE stored_elsewhere (name text, role text, type text, stored_in regclass,
    stored_as text, stored_type text);
INSERT INTO stored_elsewhere VALUES
    ('sampled_at', 'time', 'timestamp with time zone',
     'pganalytics.query_samples', 'sampled_at', 'timestamp with time zone'),
    ('database', 'database', 'text', 'pganalytics.databases', 'name', 'text'),
    ('username', 'identity', 'text', 'pganalytics.query_series', 'username', 'text'),
    ('queryid', 'identity', 'bigint', 'pganalytics.query_series', 'queryid', 'bigint'),
    ('toplevel', 'identity', 'boolean', 'pganalytics.query_series', 'toplevel', 'boolean'),
    ('query', 'text', 'text', 'pganalytics.query_texts', 'text', 'text'),
    ('stats_since', 'stats_since', 'timestamp with time zone',
     'pganalytics.query_series', 'from_zero', 'boolean'),
    ('stats_since', 'stats_since', 'timestamp with time zone',
     'pganalytics.query_series', 'reset_at', 'timestamp with time zone');

-- Where what is stored can be read under the catalog's names.
CREATE TEMP TABLE shown (relation text, view text);
INSERT INTO shown VALUES
    ('query_samples', 'query_stats'), ('database_samples', 'database_stats'),
    ('table_samples', 'table_stats'), ('index_samples', 'index_stats'),
    ('table_bloat_samples', 'table_bloat'), ('index_bloat_samples', 'index_bloat'),
    ('table_cache_samples', 'table_cache'), ('index_cache_samples', 'index_cache'),
    ('host_samples', 'host_stats'), ('disk_io_samples', 'disk_io'),
    ('filesystem_samples', 'disk_usage'), ('log_lines', 'log_entries'),
    ('replication_slot_samples', 'replication_slots'), ('replication_samples', 'replication_status'),
    ('wal_samples', 'wal_status'), ('wraparound_samples', 'wraparound_risk'),
    ('subscription_samples', 'subscriptions'), ('collection_error_samples', 'collection_errors'),
    ('lock_samples', 'locks'), ('lock_wait_samples', 'lock_waits'),
    ('blocking_query_samples', 'blocking_queries'), ('connection_samples', 'connections'),
    ('connection_total_samples', 'connection_totals'),
    ('long_transaction_samples', 'long_transactions'),
    ('idle_transaction_samples', 'long_transactions'), ('extension_samples', 'extensions'),
    ('extension_samples', 'extension_history'), ('schema_samples', 'schema_object_history'),
    ('statements_info_samples', 'statements_info'), ('unknown_metric_samples', 'unknown_metrics');

CREATE FUNCTION pg_temp.columns_of(relation regclass)
    RETURNS TABLE (name text, type text, n bigint) LANGUAGE sql AS $$
    SELECT attname, format_type(atttypid, atttypmod), row_number() OVER (ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION pg_temp.differences() RETURNS TABLE (difference text) LANGUAGE sql AS $$
    WITH catalog AS (
        SELECT c.*, m.keep, to_regclass('pganalytics.' || m.relation) AS stored_in
        FROM pganalytics.metric_columns() c JOIN pganalytics.metrics() m USING (relation)
    ), relations AS (
        SELECT DISTINCT relation, stored_in, keep FROM catalog
    ), keys (n, name, type) AS (
        VALUES (1, 'server_id', 'integer'), (2, 'series_id', 'integer'),
               (3, 'sampled_at', 'timestamp with time zone')
    ), wanted AS (
        -- The bulk insert writes the key, then counters and values in the catalog's order, and of
        -- what is stored once the hash that tells.
        SELECT r.relation, k.n::bigint, k.name, k.type FROM relations r, keys k
        UNION ALL
        SELECT relation, 3 + row_number() OVER (PARTITION BY relation ORDER BY ordinal), name, type
        FROM catalog WHERE role IN ('counter', 'value')
        UNION ALL
        SELECT relation, 4 + count(*) FILTER (WHERE role IN ('counter', 'value')), 'content_hash',
               'bigint'
        FROM catalog WHERE keep = 'once' GROUP BY relation
    ), found AS (
        SELECT r.relation, c.n, c.name, c.type
        FROM relations r, pg_temp.columns_of(r.stored_in) c
    ), readable AS (
        -- rebased is for the reports.
        SELECT relation, name, type FROM catalog
        WHERE role IN ('database', 'identity', 'text', 'time', 'counter', 'value')
          AND name <> 'rebased'
    )
    SELECT format('%s, column %s: the catalog has %s, the table has %s', relation, n,
                  coalesce(w.name || ' ' || w.type, 'nothing'),
                  coalesce(f.name || ' ' || f.type, 'nothing'))
    FROM wanted w FULL JOIN found f USING (relation, n)
    WHERE (w.name, w.type) IS DISTINCT FROM (f.name, f.type)
    UNION ALL
    SELECT format('query_samples.%s, %s, %s: %s', name, role, type,
                  CASE WHEN s.name IS NULL THEN 'not known to be stored'
                       ELSE 'not in the catalog' END)
    FROM (SELECT * FROM catalog
          WHERE relation = 'query_samples' AND role NOT IN ('counter', 'value')) c
    FULL JOIN stored_elsewhere s USING (name, role, type)
    WHERE c.name IS NULL OR s.name IS NULL
    UNION ALL
    SELECT format('query_samples.%s: there is no %s %s in %s', s.name, s.stored_as, s.stored_type,
                  s.stored_in)
    FROM stored_elsewhere s
    WHERE NOT EXISTS (SELECT FROM pg_temp.columns_of(s.stored_in) c
                      WHERE c.name = s.stored_as AND c.type = s.stored_type)
    UNION ALL
    -- A series of the others has a database, and texts for labels.
    SELECT format('%s.%s, %s, %s: metric_series has no place for it', relation, name, role, type)
    FROM catalog
    WHERE relation <> 'query_samples' AND role NOT IN ('counter', 'value')
      AND (name, role, type) IS DISTINCT FROM ('sampled_at', 'time', 'timestamp with time zone')
      AND (name, role, type) IS DISTINCT FROM ('database', 'database', 'text')
      AND (role, type) IS DISTINCT FROM ('identity', 'text')
    UNION ALL
    SELECT format('%s: %s columns for the time of a sample', relation,
                  count(*) FILTER (WHERE role = 'time'))
    FROM catalog GROUP BY relation HAVING count(*) FILTER (WHERE role = 'time') <> 1
    UNION ALL
    SELECT format('%s: the key "%s" twice in one place', relation, json_key) FROM catalog
    GROUP BY relation, scope, json_key HAVING count(*) > 1
    UNION ALL
    SELECT format('%s: the name %s twice', relation, name) FROM catalog
    GROUP BY relation, name HAVING count(*) > 1
    UNION ALL
    SELECT format('%s: the catalog has family %s, the list of days has %s', m.relation, m.family,
                  coalesce(p.family, 'nothing'))
    FROM pganalytics.metrics() m LEFT JOIN pganalytics.partitioned_relations() p USING (relation)
    WHERE p.family IS DISTINCT FROM m.family
    UNION ALL
    SELECT format('%s: kept by %s, with an index on %s', m.relation, p.time_column, p.index_columns)
    FROM pganalytics.metrics() m JOIN pganalytics.partitioned_relations() p USING (relation)
    WHERE p.time_column <> 'sampled_at' OR p.index_columns <> ARRAY['series_id',
          CASE m.keep WHEN 'once' THEN 'content_hash' ELSE 'sampled_at' END]
    UNION ALL
    SELECT format('%s: a table kept by day that no metric is stored in', c.relname)
    FROM pg_class c WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind = 'p'
      AND c.relname NOT IN ('push_ledger', 'push_accounts', 'audit_log')
      AND c.relname NOT IN (SELECT relation FROM relations)
    UNION ALL
    -- A series is unique by all that the catalog calls its identity, and by nothing else.
    SELECT format('identity of a series: %s, unique key: %s', i.names, u.names)
    FROM (SELECT array_agg(CASE name WHEN 'database' THEN 'database_id' ELSE name END
                           ORDER BY CASE name WHEN 'database' THEN 'database_id' ELSE name END
                                    COLLATE "C") AS names
          FROM catalog WHERE relation = 'query_samples' AND role IN ('database', 'identity')) i,
         (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") AS names
          FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid
                                                  AND a.attnum = ANY (c.conkey)
          WHERE c.conrelid = 'pganalytics.query_series'::regclass AND c.contype = 'u'
            AND a.attname <> 'server_id') u
    WHERE i.names IS DISTINCT FROM u.names
    UNION ALL
    -- What is stored can be read.
    SELECT format('%s: no view shows it', r.relation) FROM relations r
    WHERE r.relation NOT IN (SELECT relation FROM shown)
    UNION ALL
    SELECT format('%s.%s: not in the view %s', c.relation, c.name, s.view)
    FROM readable c JOIN shown s USING (relation)
    WHERE NOT EXISTS (SELECT FROM pg_temp.columns_of(to_regclass('pganalytics.' || s.view)) v
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

-- Every value comes back under its name: a row in each table, whose labels and values all differ.
SELECT pganalytics.make_partitions(0) > 0 AS made;
INSERT INTO pganalytics.collectors (name, token_sha256) VALUES ('east', sha256('east'));
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
SELECT 1, collector_id, 'main', 'east.example' FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'shop');
CREATE TEMP TABLE given AS
    SELECT c.*, row_number() OVER (PARTITION BY relation, role = 'identity' ORDER BY ordinal) AS n,
           CASE c.type
               WHEN 'text' THEN to_json(format('%s of %s', c.name, c.relation))
               WHEN 'bigint' THEN to_json(9007199254740993 + c.ordinal)
               WHEN 'double precision' THEN to_json(c.ordinal + 0.1)
               WHEN 'boolean' THEN to_json(c.ordinal % 2 = 0)
               WHEN 'timestamp with time zone' THEN to_json('2026-01-01 00:00:00.123456Z'::timestamptz
                                                            + c.ordinal * interval '1 min')
               WHEN 'pg_lsn' THEN to_json(format('16/B374D8%s', c.ordinal))
               ELSE json_build_object('key', c.ordinal) END AS value
    FROM pganalytics.metric_columns() c
    WHERE relation <> 'query_samples' AND role IN ('identity', 'counter', 'value');
INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash, first_seen)
SELECT 1, m.relation,
       CASE WHEN 'database' IN (SELECT c.role FROM pganalytics.metric_columns() c
                                WHERE c.relation = m.relation) THEN 1 ELSE 0 END,
       ARRAY(SELECT g.value #>> '{}' FROM given g
             WHERE g.relation = m.relation AND g.role = 'identity' ORDER BY g.n),
       gen_random_uuid(), now()
FROM pganalytics.metrics() m WHERE m.relation <> 'query_samples';
CREATE TEMP TABLE read (view text, kind text, row jsonb);
DO $$
DECLARE
    metric record;
    view_name text;
BEGIN
    FOR metric IN SELECT * FROM pganalytics.metrics() WHERE relation <> 'query_samples' LOOP
        EXECUTE format('INSERT INTO pganalytics.%I SELECT s.server_id, s.series_id, now() %s %s
                        FROM pganalytics.metric_series s WHERE s.relation = %L', metric.relation,
                       (SELECT string_agg(format(', %L::%s', CASE g.type WHEN 'json'
                                                 THEN g.value::text ELSE g.value #>> '{}' END,
                                                 g.type), '' ORDER BY g.n)
                        FROM given g WHERE g.relation = metric.relation AND g.role <> 'identity'),
                       CASE metric.keep WHEN 'once' THEN ', 1' END, metric.relation);
    END LOOP;
    FOR view_name IN SELECT DISTINCT view FROM shown WHERE relation <> 'query_samples' LOOP
        EXECUTE format('INSERT INTO read SELECT %L, to_jsonb(v) ->> ''kind'', to_jsonb(v)
                        FROM pganalytics.%I v', view_name, view_name);
    END LOOP;
END
$$;
-- The two relations behind long_transactions are told apart by its kind.
SELECT s.view, count(*) AS values,
       count(*) FILTER (WHERE r.row -> g.name = g.value::jsonb) AS right,
       bool_and(r.row ->> 'collector' = 'east' AND r.row ->> 'server' = 'main'
                AND coalesce(r.row ->> 'database', 'shop') = 'shop') AS names
FROM shown s JOIN given g USING (relation)
JOIN read r ON r.view = s.view
 AND (s.view <> 'long_transactions' OR s.relation = r.kind || '_transaction_samples')
GROUP BY s.view ORDER BY s.view;
DROP TABLE read, given;

-- That is what the comparison says of a column on one side alone, of another type, in another place,
-- and of a value that no view shows.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.without_view(view regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER EXTENSION pganalytics DROP VIEW %s', view);
    EXECUTE format('DROP VIEW %s', view);
END
$$;
BEGIN;
ALTER TABLE pganalytics.query_samples ADD COLUMN added bigint;
ALTER TABLE pganalytics.wal_samples ADD COLUMN added bigint;
SELECT * FROM pg_temp.differences();
ROLLBACK;
BEGIN;
SELECT pg_temp.without_view('pganalytics.query_stats'), pg_temp.without_view('pganalytics.log_entries');
ALTER TABLE pganalytics.query_samples DROP COLUMN wal_bytes;
ALTER TABLE pganalytics.log_lines DROP COLUMN content_hash;
SELECT * FROM pg_temp.differences() WHERE difference NOT LIKE '%query_stats';
ROLLBACK;
BEGIN;
SELECT pg_temp.without_view('pganalytics.query_stats');
ALTER TABLE pganalytics.query_samples ALTER COLUMN wal_bytes TYPE numeric;
SELECT * FROM pg_temp.differences() WHERE difference NOT LIKE '%query_stats';
ROLLBACK;
BEGIN;
SELECT pg_temp.without_view('pganalytics.query_stats');
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
    ('application', 'identity', 'text', 'pganalytics.query_series', 'application', 'text');
DELETE FROM stored_elsewhere WHERE name = 'query';
DELETE FROM shown WHERE view = 'wal_status';
CREATE TABLE pganalytics.forgotten_samples (sampled_at timestamptz) PARTITION BY RANGE (sampled_at);
SELECT * FROM pg_temp.differences();
ROLLBACK;
BEGIN;
ALTER VIEW pganalytics.table_stats RENAME COLUMN relname TO tablename;
ALTER VIEW pganalytics.disk_usage RENAME COLUMN device TO dev;
SELECT * FROM pg_temp.differences();
ROLLBACK;
SELECT * FROM pg_temp.differences();

SET client_min_messages = error;
DROP EXTENSION pganalytics;
CREATE EXTENSION pganalytics;
