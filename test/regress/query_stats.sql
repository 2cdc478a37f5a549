-- The samples as people read them.
\set SHOW_CONTEXT never
SELECT (now() AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC' AS day \gset
SELECT pganalytics.make_partitions(0) > 0 AS made;

INSERT INTO pganalytics.collectors (name, token_sha256)
SELECT name, sha256(name::bytea) FROM unnest(ARRAY['east', 'west']) AS name;
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
SELECT row_number() OVER (ORDER BY name), collector_id, 'default', name || '.example'
FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'shop'), (2, 2, 'bank');
INSERT INTO pganalytics.query_texts (text_id, text_hash, text) OVERRIDING SYSTEM VALUE
VALUES (1, '00000000-0000-0000-0000-000000000001', 'SELECT $1');
-- Two servers may have a series of the same number; both belong to the key.
INSERT INTO pganalytics.query_series (server_id, series_id, database_id, username, queryid,
    toplevel, text_id, first_seen, last_seen, from_zero) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 1, 'ann', -9223372036854775808, true, 1, :'day', :'day', false),
       (2, 1, 2, 'bob', 9223372036854775807, false, NULL, :'day', :'day', false),
       -- the sum of the others, and two that are no such thing
       (2, 2, 2, '', 0, true, NULL, :'day', :'day', false),
       (2, 3, 2, '', 7, true, NULL, :'day', :'day', false),
       (2, 4, 2, 'bob', 0, true, NULL, :'day', :'day', false);

-- Each counter with a value of its own, so that no two can change places.
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS counters,
       string_agg((attnum * 100)::text, ', ' ORDER BY attnum) AS amounts
FROM pg_attribute
WHERE attrelid = 'pganalytics.query_samples'::regclass AND attnum > 4 AND NOT attisdropped \gset
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, :counters)
VALUES (1, 1, :'day', :amounts);
-- Nothing stored but time and calls: the rest is zero; the mean is calculated.
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, total_exec_time)
VALUES (2, 1, :'day', 4, 10), (2, 1, :'day'::timestamptz + interval '1 minute', NULL, NULL);

SELECT collector, server, database, username, queryid, toplevel, query,
       sampled_at - :'day' AS at, calls, total_exec_time, mean_exec_time, wal_bytes
FROM pganalytics.query_stats ORDER BY collector, sampled_at;
SELECT series_id, username, queryid, query FROM pganalytics.queries
WHERE collector = 'west' ORDER BY series_id;

-- Every counter of the table is in the view under its name with its value, and no NULL is left.
SELECT count(*) AS counters,
       count(*) FILTER (WHERE (to_jsonb(v) ->> a.attname)::float8 = a.attnum * 100) AS right
FROM pg_attribute a, pganalytics.query_stats v
WHERE a.attrelid = 'pganalytics.query_samples'::regclass AND a.attnum > 4 AND NOT a.attisdropped
  AND v.collector = 'east';
SELECT count(*) AS nulls
FROM pganalytics.query_stats v, jsonb_each(to_jsonb(v)) AS e WHERE e.value = 'null'
  AND e.key <> 'query';

-- A series without samples and a sample without series are not shown.
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at) VALUES (1, 2, :'day');
SELECT count(*) FROM pganalytics.query_stats;

TRUNCATE pganalytics.query_samples, pganalytics.query_series, pganalytics.query_texts,
         pganalytics.databases, pganalytics.servers, pganalytics.collectors;
