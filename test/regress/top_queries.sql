-- The queries that did most: the same totals as query_activity(), from two samples per series.
\set SHOW_CONTEXT never
SELECT pganalytics.make_partition('query_samples', (now() AT TIME ZONE 'UTC')::date - n)
       IS NOT NULL AS made FROM generate_series(0, 2) AS n;
SELECT set_config('regress.present', date_trunc('minute', now())::text, false) AS present \gset

INSERT INTO pganalytics.collectors (name, token_sha256) VALUES ('east', sha256('east'));
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
SELECT 1, collector_id, 'main', 'east.example' FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'shop');
INSERT INTO pganalytics.query_texts (text_id, text_hash, text) OVERRIDING SYSTEM VALUE
SELECT n, md5(n::text)::uuid, 'SELECT ' || n FROM generate_series(1, 60) AS n;

-- 60 series, 150 samples each over the 40 hours up to now, every 16 minutes. A sample's counters
-- grow, stay or, one time in 40 for a third of the series, begin again; some samples come twice in
-- the same moment; a third of the series begins within the time, half of these seen from zero.
-- Another third has bases: samples whose counters begin anew, above or below.
-- Times are whole numbers, so that sums do not depend on their order.
SELECT setseed(0.5);
DO $$
DECLARE
    present CONSTANT timestamptz := current_setting('regress.present');
    moment timestamptz;
    began timestamptz;
    again timestamptz;
    base boolean;
    calls bigint;
    total bigint;
    row_count bigint;
BEGIN
    FOR series IN 1..60 LOOP
        began := NULL;
        again := NULL;
        calls := (random() * 1000)::int;
        total := calls * series;
        row_count := (random() * 100)::int;
        FOR n IN CASE series % 3 WHEN 1 THEN 60 ELSE 1 END .. 150 LOOP
            moment := present - make_interval(mins => (150 - n) * 16);
            CONTINUE WHEN random() < 0.2;
            FOR twin IN 1 .. CASE WHEN random() < 0.1 THEN 2 ELSE 1 END LOOP
                base := series % 3 = 2 AND random() < 0.025 AND began IS NOT NULL AND twin = 1;
                IF base THEN
                    calls := (random() * 2000)::int;
                    total := calls * series;
                    row_count := (random() * 200)::int;
                    again := moment;
                ELSIF series % 3 = 0 AND random() < 0.025 AND began IS NOT NULL AND twin = 1 THEN
                    calls := 0;
                    total := 0;
                    row_count := 0;
                    again := moment;
                ELSIF random() < 0.7 THEN
                    calls := calls + (random() * 50)::int + 1;
                    total := total + (random() * 500)::int;
                    row_count := row_count + (random() * 10)::int;
                END IF;
                INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, rebased,
                    calls, rows, total_exec_time, shared_blks_read)
                VALUES (1, series, moment, nullif(base, false), nullif(calls, 0),
                        nullif(row_count, 0), nullif(total, 0), nullif(calls * 8, 0));
                began := coalesce(began, moment);
                EXIT WHEN base;
            END LOOP;
        END LOOP;
        INSERT INTO pganalytics.query_series (server_id, series_id, database_id, username, queryid,
            toplevel, text_id, first_seen, last_seen, from_zero, reset_at) OVERRIDING SYSTEM VALUE
        VALUES (1, series, 1, 'ann', series, true, series, began, date_trunc('hour', moment),
                series % 2 = 0, again);
    END LOOP;
END
$$;
SELECT count(*) FILTER (WHERE reset_at IS NOT NULL AND series_id % 3 = 0) > 5 AS some_reset,
       count(*) FILTER (WHERE reset_at IS NOT NULL AND series_id % 3 = 2) > 5 AS some_rebased,
       count(*) FILTER (WHERE from_zero) > 5 AS some_from_zero FROM pganalytics.query_series;

-- Over 40 windows, each series has the totals of its intervals.
CREATE TEMP TABLE windows AS
SELECT :'present'::timestamptz - make_interval(mins => (40 * 60 * random())::int) AS "from", n
FROM generate_series(1, 40) AS n;
ALTER TABLE windows ADD "to" timestamptz;
UPDATE windows SET "to" = least(:'present', "from" + make_interval(mins => n * 60));
UPDATE windows SET "from" = :'present'::timestamptz - interval '50 hours' WHERE n = 40;
DELETE FROM windows WHERE "from" >= "to";
CREATE TEMP TABLE quick AS
SELECT w.n, q.queryid, q.calls, q.rows, q.total_exec_time, q.shared_blks_read
FROM windows w, pganalytics.top_queries_between(w."from", w."to", 1000) q;
CREATE TEMP TABLE exact AS
SELECT w.n, a.queryid, sum(a.calls)::bigint AS calls, sum(a.rows)::bigint AS rows,
       sum(a.total_exec_time) AS total_exec_time, sum(a.shared_blks_read)::bigint AS shared_blks_read,
       bool_or(a.reset) AS reset, bool_or(a.interval_start IS NULL) AS born
FROM windows w, pganalytics.query_activity(w."from", w."to") a
GROUP BY w.n, a.queryid HAVING sum(a.calls) > 0;
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE reset) > 50 AS with_resets,
       count(*) FILTER (WHERE born) > 20 AS from_zero FROM exact;
SELECT * FROM quick EXCEPT ALL SELECT n, queryid, calls, rows, total_exec_time, shared_blks_read FROM exact;
SELECT n, queryid, calls, rows, total_exec_time, shared_blks_read FROM exact EXCEPT ALL SELECT * FROM quick;

-- And a difference of whole windows found without either: the sum of rises, plus what follows a fall,
-- and nothing at a base.
WITH steps AS (
    SELECT series_id, sampled_at, coalesce(calls, 0) AS calls, rebased,
           lag(coalesce(calls, 0)) OVER (PARTITION BY series_id ORDER BY sampled_at, calls NULLS FIRST) AS prior
    FROM pganalytics.query_samples)
SELECT count(*) AS series,
       count(*) FILTER (WHERE t.calls <> (
           SELECT sum(CASE WHEN s.prior IS NULL OR s.rebased THEN 0 WHEN s.calls < s.prior THEN s.calls
                           ELSE s.calls - s.prior END)
           FROM steps s WHERE s.series_id = t.queryid
             AND s.sampled_at > :'present'::timestamptz - interval '5 hours')) AS wrong
FROM pganalytics.top_queries_between(:'present'::timestamptz - interval '5 hours', :'present', 1000) t;

-- top_queries() is the same up to now.
SELECT count(*) AS different FROM (
    SELECT queryid, calls, total_exec_time FROM pganalytics.top_queries('3 hours', 1000)
    EXCEPT
    SELECT queryid, calls, total_exec_time
    FROM pganalytics.top_queries_between(now() - interval '3 hours', now(), 1000)) d;
SELECT count(*) AS default_rows FROM pganalytics.top_queries();
SELECT count(*) AS rows FROM pganalytics.top_queries('1 day', 7);

-- Order: by every counter that is offered, largest first.
SELECT a.name AS order_by,
       (SELECT bool_and(later IS NULL OR this >= later)
        FROM (SELECT (to_jsonb(t) ->> a.name)::float8 AS this,
                     lead((to_jsonb(t) ->> a.name)::float8) OVER (ORDER BY ordinality) AS later
              FROM pganalytics.top_queries('30 hours', 1000, a.name) WITH ORDINALITY AS t) o) AS sorted
FROM (SELECT unnest(proargnames[4:]) AS name, unnest(proargmodes[4:]) AS mode,
             unnest(proallargtypes[4:]) AS type
      FROM pg_proc WHERE oid = 'pganalytics.top_queries(interval, int, text)'::regprocedure) a
WHERE a.mode = 't' AND a.type IN ('int8'::regtype, 'float8'::regtype) AND a.name <> 'queryid';

-- Arguments.
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, 'elapsed');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, 'calls; DROP TABLE pganalytics.servers');
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, 'calls" DESC, (SELECT 1)--');
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, 'queryid');
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, NULL);
\set VERBOSITY default
SELECT count(*) FROM pganalytics.top_queries('-1 hour');
SELECT count(*) FROM pganalytics.top_queries('0');
SELECT count(*) FROM pganalytics.top_queries(NULL);
SELECT count(*) FROM pganalytics.top_queries('1 hour', 0);
SELECT count(*) FROM pganalytics.top_queries_between(now(), now());

TRUNCATE pganalytics.query_samples, pganalytics.query_series;

-- What it reads: of 200 series with 300 samples each, two samples and the neighbour of each (which
-- shows that there is none of the same moment). One series with a reset is read in full.
INSERT INTO pganalytics.query_series (server_id, series_id, database_id, username, queryid,
    toplevel, text_id, first_seen, last_seen, from_zero) OVERRIDING SYSTEM VALUE
SELECT 1, n, 1, 'ann', n, true, 1, :'present'::timestamptz - interval '40 hours', :'present', false
FROM generate_series(1, 200) AS n;
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, total_exec_time)
SELECT 1, s, :'present'::timestamptz - make_interval(mins => (300 - n) * 8), n, n
FROM generate_series(1, 300) AS n, generate_series(1, 200) AS s;
ANALYZE pganalytics.query_series, pganalytics.query_samples;
CREATE FUNCTION pg_temp.samples_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
    FROM pg_stat_xact_user_tables WHERE relname LIKE 'query\_samples\_p%' $$;
BEGIN;
SELECT pg_temp.samples_read() AS before \gset
SELECT count(*), min(calls), max(calls)
FROM pganalytics.top_queries_between(:'present'::timestamptz - interval '20 hours', :'present', 1000);
SELECT pg_temp.samples_read() - :before AS quick_reads \gset
SELECT :quick_reads BETWEEN 2 * 200 AND 4 * 200 AS two_to_four_reads_per_series;
UPDATE pganalytics.query_series SET reset_at = :'present' WHERE series_id = 1;
SELECT pg_temp.samples_read() AS before \gset
SELECT count(*), min(calls), max(calls)
FROM pganalytics.top_queries_between(:'present'::timestamptz - interval '20 hours', :'present', 1000);
SELECT pg_temp.samples_read() - :before - :quick_reads AS reads_in_full;
ROLLBACK;

TRUNCATE pganalytics.query_samples, pganalytics.query_series, pganalytics.query_texts,
         pganalytics.databases, pganalytics.servers, pganalytics.collectors;
