-- The library's table of counters against the columns of pganalytics.workers: same names, same order.
\pset null -
WITH counters AS (SELECT c.name, row_number() OVER () AS place FROM pganalytics.worker_counters() c),
columns AS (
    SELECT a.attname AS name, row_number() OVER (ORDER BY a.attnum) AS place
    FROM pg_attribute a
    WHERE a.attrelid = 'pganalytics.workers'::regclass AND a.attnum > 10 AND a.attname !~ '^last_error')
SELECT c.name AS counter, v.name AS "column" FROM counters c FULL JOIN columns v USING (place)
WHERE c.name IS DISTINCT FROM v.name;
SELECT count(*) > 15 AS there_are_counters, count(DISTINCT name) = count(*) AS each_once,
       bool_and(meaning ~ '^[A-Z].*\.$') AS sentences
FROM pganalytics.worker_counters();
-- Each is a metric, all of a metric are of one kind, and the gateway's come last.
SELECT name FROM pganalytics.worker_counters() WHERE metric IS NULL;
SELECT counted_by, min(name) FILTER (WHERE metric !~ CASE counted_by WHEN 'gateway' THEN '^pganalytics_gateway_\w+_total$'
                                                       ELSE '^pganalytics_ingest_\w+_total$' END) AS misnamed
FROM pganalytics.worker_counters() GROUP BY counted_by ORDER BY counted_by;
SELECT metric FROM pganalytics.worker_counters() GROUP BY metric HAVING count(DISTINCT meaning) > 1;
-- Each column of the view but those that say which worker it is has a comment.
SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = 'pganalytics.workers'::regclass AND a.attnum > 6
  AND col_description(a.attrelid, a.attnum) IS NULL;
-- What is kept once a minute is whose it is and what is counted, and nothing else.
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a
WHERE a.attrelid = 'pganalytics.self_samples'::regclass AND a.attnum > 0
  AND a.attname NOT IN (SELECT c.name FROM pganalytics.worker_counters() c);
SELECT c.name FROM pganalytics.worker_counters() c
EXCEPT SELECT a.attname FROM pg_attribute a
WHERE a.attrelid = 'pganalytics.self_samples'::regclass AND a.atttypid = 'bigint'::regtype;
