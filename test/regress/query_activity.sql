-- Differences between consecutive samples, resets, and where counting begins.
\set SHOW_CONTEXT never
SELECT ((now() AT TIME ZONE 'UTC')::date - 2)::timestamp AT TIME ZONE 'UTC' AS zero \gset
SELECT pganalytics.make_partition('query_samples', (:'zero' AT TIME ZONE 'UTC')::date + n)
       IS NOT NULL AS made FROM generate_series(-1, 0) AS n;
-- at(n) is n minutes after midnight of that day.
CREATE FUNCTION pg_temp.at(minutes float8) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT ((now() AT TIME ZONE 'UTC')::date - 2)::timestamp AT TIME ZONE 'UTC'
           + make_interval(secs => minutes * 60) $$;

INSERT INTO pganalytics.collectors (name, token_sha256) VALUES ('east', sha256('east'));
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
SELECT 1, collector_id, 'main', 'east.example' FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'shop');
INSERT INTO pganalytics.query_texts (text_id, text_hash, text) OVERRIDING SYSTEM VALUE
VALUES (1, '00000000-0000-0000-0000-000000000001', 'SELECT $1');

-- series, who it is, first_seen, from_zero
CREATE TEMP TABLE cases (series_id int, username text, first_seen float8, from_zero boolean);
INSERT INTO cases VALUES
    (1, 'steady', 0, false),
    (2, 'born', 12, true),
    (3, 'known', 12, false),
    (4, 'reset calls', 0, false),
    (5, 'reset rows', 0, false),
    (6, 'reset time', 0, false),
    (7, 'twins', 0, false),
    (8, 'gone', -200, false),
    (9, 'beheaded', -2000, true),
    (10, 'born and reset', 12, true),
    (11, 'yesterday', -30, false),
    (12, 'at the edges', 5, false),
    (13, 'reset, caught up', 0, false),
    (14, 'base above', 0, false),
    (15, 'base below', 0, false),
    (16, 'base first', 12, true),
    (17, 'two resets', 0, false),
    (18, 'reset after base', 0, false),
    (19, '', 0, false);
INSERT INTO pganalytics.query_series (server_id, series_id, database_id, username, queryid,
    toplevel, text_id, first_seen, last_seen, from_zero) OVERRIDING SYSTEM VALUE
SELECT 1, series_id, 1, username, CASE username WHEN '' THEN 0 ELSE series_id END, true,
       CASE WHEN username <> '' THEN 1 END, pg_temp.at(first_seen),
       CASE username WHEN 'gone' THEN pg_temp.at(-100) ELSE pg_temp.at(0) END, from_zero
FROM cases;
-- series, minute, calls, rows, total time; a zero is stored as NULL
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, rows, total_exec_time)
SELECT 1, series_id, pg_temp.at(minute), nullif(calls, 0), nullif(rows, 0), nullif(total, 0)
FROM (VALUES
    (1, 0, 10, 100, 5.0), (1, 10, 15, 150, 7.5), (1, 20, 15, 150, 7.5), (1, 30, 40, 400, 20.0),
    (1, 40, 50, 500, 25.0),
    (2, 12, 3, 3, 3.0), (2, 20, 7, 7, 7.0),
    (3, 12, 300, 300, 300.0), (3, 20, 304, 304, 304.0),
    (4, 0, 100, 0, 100.0), (4, 10, 120, 0, 120.0), (4, 20, 5, 0, 200.0), (4, 30, 8, 0, 203.0),
    (5, 0, 10, 100, 1.0), (5, 20, 20, 50, 2.0),
    (6, 0, 10, 100, 9.0), (6, 20, 20, 200, 2.0),
    -- the second of the same moment comes first in the table
    (7, 10, 7, 7, 7.0), (7, 10, 5, 5, 5.0), (7, 0, 4, 4, 4.0), (7, 0, 1, 1, 1.0), (7, 20, 9, 9, 9.0),
    (8, -100, 1, 1, 1.0), (8, -99, 9, 9, 9.0),
    (9, 10, 1000, 1000, 1000.0), (9, 20, 1001, 1001, 1001.0),
    (10, 12, 30, 30, 30.0), (10, 20, 0, 0, 0.0), (10, 30, 2, 2, 2.0),
    (11, -30, 1, 1, 1.0), (11, -20, 2, 2, 2.0), (11, 10, 8, 8, 8.0),
    (12, 5, 1, 1, 1.0), (12, 6, 2, 2, 2.0), (12, 30, 4, 4, 4.0),
    (13, 0, 5, 5, 5.0), (13, 10, 6, 6, 6.0), (13, 20, 7, 7, 7.0), (13, 30, 8, 8, 8.0)
) AS v(series_id, minute, calls, rows, total);
-- Bases: rows that a collector sends when its limit has moved a query, or several in and out of the
-- sum of the others. (19 is such a sum, made by a gateway: it has no bases.)
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, rebased, calls, rows,
    total_exec_time)
SELECT 1, series_id, pg_temp.at(minute), base, calls, calls, calls
FROM (VALUES
    (14, 0, NULL, 10), (14, 10, NULL, 15), (14, 15, true, 100), (14, 20, NULL, 104),
    -- sent again, because its push was acknowledged late
    (14, 15, true, 100),
    (15, 0, NULL, 100), (15, 10, NULL, 110), (15, 15, true, 3), (15, 20, NULL, 8),
    (16, 12, true, 70), (16, 20, NULL, 71),
    (17, 0, NULL, 50), (17, 10, NULL, 2), (17, 20, NULL, 60), (17, 40, NULL, 1),
    (18, 0, NULL, 50), (18, 10, true, 500), (18, 20, NULL, 7), (18, 30, NULL, 8),
    (19, 0, NULL, 50), (19, 10, NULL, 60), (19, 20, NULL, 30), (19, 30, NULL, 45)
) AS v(series_id, minute, base, calls);
UPDATE pganalytics.query_series SET reset_at = pg_temp.at(CASE series_id
    WHEN 14 THEN 15 WHEN 15 THEN 15 WHEN 17 THEN 40 ELSE 20 END)
WHERE series_id IN (14, 15, 17, 18, 19);
-- What the workers note: one has fewer calls than the sample before; the source of the other says
-- that it began again, though no counter is lower.
UPDATE pganalytics.query_series SET reset_at = pg_temp.at(20)
WHERE username IN ('born and reset', 'reset, caught up');
-- A series of the same number on another server is another series.
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls)
VALUES (2, 1, pg_temp.at(15), 99999);

-- Minutes 5 to 30: from the last sample at or before minute 5 to the last one at or before 30.
SELECT username, extract(epoch FROM interval_start - :'zero')::int / 60 AS starts,
       extract(epoch FROM interval_end - :'zero')::int / 60 AS ends,
       reset, calls, rows, total_exec_time AS total, mean_exec_time AS mean
FROM pganalytics.query_activity(pg_temp.at(5), pg_temp.at(30))
ORDER BY queryid, interval_end, interval_start;

-- top_queries() counts the same.
SELECT username, calls, rows, total_exec_time AS total
FROM pganalytics.top_queries_between(pg_temp.at(5), pg_temp.at(30)) ORDER BY queryid;
SELECT username, sum(calls), sum(rows), sum(total_exec_time)
FROM pganalytics.query_activity(pg_temp.at(5), pg_temp.at(30)) GROUP BY username
EXCEPT SELECT username, calls, rows, total_exec_time
FROM pganalytics.top_queries_between(pg_temp.at(5), pg_temp.at(30));

-- The names.
SELECT DISTINCT collector, server, database, toplevel, query
FROM pganalytics.query_activity(pg_temp.at(5), pg_temp.at(30)) ORDER BY query;

-- Neighbouring windows share no interval and miss none.
CREATE TEMP TABLE halves AS
    SELECT * FROM pganalytics.query_activity(pg_temp.at(-10), pg_temp.at(15))
    UNION ALL
    SELECT * FROM pganalytics.query_activity(pg_temp.at(15), pg_temp.at(40));
SELECT count(*) AS intervals FROM halves;
SELECT * FROM halves
EXCEPT ALL SELECT * FROM pganalytics.query_activity(pg_temp.at(-10), pg_temp.at(40));
SELECT * FROM pganalytics.query_activity(pg_temp.at(-10), pg_temp.at(40))
EXCEPT ALL SELECT * FROM halves;

-- Nothing in between, and a window the wrong way round.
SELECT count(*) FROM pganalytics.query_activity(pg_temp.at(21), pg_temp.at(29));
SELECT count(*) FROM pganalytics.query_activity(pg_temp.at(30), pg_temp.at(5));
SELECT count(*) FROM pganalytics.query_activity(NULL, NULL);

-- Every counter is subtracted from itself: counter n rises by n.
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS counters,
       string_agg((attnum * 10)::text, ', ' ORDER BY attnum) AS before,
       string_agg((attnum * 10 + attnum)::text, ', ' ORDER BY attnum) AS after
FROM pg_attribute
WHERE attrelid = 'pganalytics.query_samples'::regclass AND attnum > 4 AND NOT attisdropped \gset
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, :counters)
VALUES (1, 8, pg_temp.at(50), :before), (1, 8, pg_temp.at(60), :after);
UPDATE pganalytics.query_series SET last_seen = pg_temp.at(60);
SELECT count(*) AS counters,
       count(*) FILTER (WHERE (to_jsonb(d) ->> a.attname)::float8 = a.attnum) AS right
FROM pg_attribute a, pganalytics.query_activity(pg_temp.at(55), pg_temp.at(60)) d
WHERE a.attrelid = 'pganalytics.query_samples'::regclass AND a.attnum > 4 AND NOT a.attisdropped
  AND a.attname NOT IN ('min_exec_time', 'max_exec_time', 'mean_exec_time', 'stddev_exec_time');

TRUNCATE pganalytics.query_samples, pganalytics.query_series, pganalytics.query_texts,
         pganalytics.databases, pganalytics.servers, pganalytics.collectors;
