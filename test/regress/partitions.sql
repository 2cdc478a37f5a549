-- Days: made, found again, filled, listed and dropped.
\set SHOW_CONTEXT never
-- Names without their day, so that the test has the same output tomorrow.
CREATE FUNCTION pg_temp.undated(leaf anyelement) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(leaf::text, '_p\d{8}', '_pDAY') $$;
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today,
       to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS today_digits \gset

-- Today and three days ahead for each relation; then there is nothing left to make.
SELECT pganalytics.make_partitions();
SELECT pganalytics.make_partitions();
SELECT pganalytics.make_partitions(5);
SELECT pganalytics.make_partitions(6, 'log_lines');
SELECT pganalytics.make_partitions(6, 'collectors');
SELECT pganalytics.make_partition('query_samples', :'today')
       = ('pganalytics.query_samples_p' || :'today_digits')::regclass AS found_again;
SELECT relation, pg_temp.undated(partition), day - :'today'::date AS ahead,
       starts_at AT TIME ZONE 'UTC' = day AS begins, ends_at - starts_at AS long,
       bytes > 0 AS has_size, estimated_rows
FROM pganalytics.partitions WHERE relation IN ('query_samples', 'push_ledger') ORDER BY relation, day;

-- The same from any session's settings, here in a zone where midnight is another moment.
SET datestyle = 'SQL, DMY';
SET timezone = 'Australia/Lord_Howe';
SELECT pganalytics.make_partition('query_samples', :'today'::date - 400) IS NOT NULL AS made;
SELECT bool_and(starts_at = day::timestamp AT TIME ZONE 'UTC'
                AND ends_at = (day + 1)::timestamp AT TIME ZONE 'UTC') AS right_bounds,
       min(day) - :'today'::date AS oldest
FROM pganalytics.partitions;
RESET datestyle;
RESET timezone;

-- What a partition is: own index, the parent's constraints, INSERT for the workers, not a member
-- of the extension; the parents have no index. PostgreSQL 18 counts NOT NULL among constraints.
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '_p\d{8}', '_pDAY', 'g') AS index
FROM pg_index i WHERE i.indrelid IN (SELECT partition FROM pganalytics.partitions
                                     WHERE day = :'today') ORDER BY 1;
SELECT conname, contype, pg_temp.undated(conrelid::regclass) FROM pg_constraint
WHERE conrelid IN (SELECT partition FROM pganalytics.partitions WHERE day = :'today')
  AND contype <> 'n'
ORDER BY conname;
SELECT pg_temp.undated(partition), pg_get_userbyid(a.grantee) AS grantee, a.privilege_type
FROM pganalytics.partitions p JOIN pg_class c ON c.oid = p.partition, aclexplode(c.relacl) a
WHERE p.day = :'today' AND a.grantee <> c.relowner ORDER BY 1;
SELECT count(*) AS members FROM pg_depend
WHERE deptype = 'e' AND objid IN (SELECT partition FROM pganalytics.partitions);
SELECT count(*) AS indexes_on_parents FROM pg_index
WHERE indrelid IN (SELECT ('pganalytics.' || relation)::regclass
                   FROM pganalytics.partitioned_relations());

-- Rows go to the day they belong to, up to the last microsecond; other days are refused.
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at)
SELECT 1, n, moment FROM unnest(ARRAY[
    :'today'::timestamp AT TIME ZONE 'UTC',
    (:'today'::timestamp + interval '1 day - 1 microsecond') AT TIME ZONE 'UTC',
    (:'today'::timestamp + interval '1 day') AT TIME ZONE 'UTC']) WITH ORDINALITY AS u(moment, n);
SELECT q.series_id, p.day - :'today'::date AS ahead
FROM pganalytics.query_samples q JOIN pganalytics.partitions p ON p.partition = q.tableoid
ORDER BY 1;
\set VERBOSITY sqlstate
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at) VALUES (1, 1, '2001-01-01');
INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, body_bytes,
    observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large)
VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 10, 9, 0, 0, 0, 0, 0);
\set VERBOSITY default
-- A direct insert into the leaf fills received_at and lsn.
INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, body_bytes,
    observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large)
VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 10, 9, 0, 0, 0, 1, 0)
RETURNING received_at = now() AS now, lsn > '0/0' AS lsn;
SELECT 'pganalytics.push_ledger_p' || :'today_digits' AS ledger_leaf \gset
INSERT INTO :ledger_leaf (server_id, push_key, body_hash, collector_id, body_bytes,
    observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large)
VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 10, 9, 0, 0, 0, 1, 0)
RETURNING received_at = now() AS now, lsn > '0/0' AS lsn;

-- Arguments: only the listed relations, and nothing that merely looks like them.
SELECT pganalytics.make_partition('collectors', :'today');
SELECT pganalytics.make_partition('Query_Samples', :'today');
SELECT pganalytics.make_partition('"query_samples"', :'today');
SELECT pganalytics.make_partition('pganalytics.query_samples', :'today');
SELECT pganalytics.make_partition('query_samples (LIKE pg_authid); DROP TABLE pganalytics.servers --',
                                  :'today');
SELECT pganalytics.make_partition(NULL, :'today');
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.make_partition('query_samples', NULL);
SELECT pganalytics.make_partition('query_samples', 'infinity');
SELECT pganalytics.make_partition('query_samples', '-infinity');
\set VERBOSITY sqlstate
SELECT pganalytics.make_partition('query_samples', :'today'::date + 32);
SELECT pganalytics.make_partition('query_samples', :'today'::date - 1831);
\set VERBOSITY default
SELECT pganalytics.make_partitions(-1);
SELECT pganalytics.make_partitions(32);
SELECT pganalytics.make_partitions(NULL);

-- A table of that name that is no partition is in the way and is left alone.
CREATE TABLE pganalytics.query_samples_p20240229 (x int);
\set VERBOSITY sqlstate
SELECT pganalytics.make_partition('query_samples', '2024-02-29');
\set VERBOSITY default
DROP TABLE pganalytics.query_samples_p20240229;

-- Dropping: whole days that ended before the given one, of the named relation only.
SELECT pganalytics.make_partition('query_samples', :'today'::date - n) IS NOT NULL AS made,
       pganalytics.make_partition('push_ledger', :'today'::date - n) IS NOT NULL AS made
FROM generate_series(1, 3) AS n;
SELECT pganalytics.drop_partitions('query_samples', :'today'::date - 1);
SELECT relation, min(day) - :'today'::date AS oldest, count(*)
FROM pganalytics.partitions WHERE relation IN ('query_samples', 'push_ledger')
GROUP BY relation ORDER BY relation;
SELECT pganalytics.drop_partitions('query_samples', :'today'::date - 1);
SELECT current_setting('lock_timeout') AS lock_timeout;
SELECT pganalytics.drop_partitions('query_samples', :'today'::date);
SELECT pganalytics.drop_partitions('push_ledger', :'today'::date);
SELECT relation, min(day) - :'today'::date AS oldest, count(*)
FROM pganalytics.partitions WHERE relation IN ('query_samples', 'push_ledger')
GROUP BY relation ORDER BY relation;
SELECT count(*) AS rows_left FROM pganalytics.query_samples;
-- Not what is being written, and nothing else.
\set VERBOSITY sqlstate
SELECT pganalytics.drop_partitions('query_samples', :'today'::date + 1);
SELECT pganalytics.drop_partitions('query_samples', 'infinity');
SELECT pganalytics.drop_partitions('query_samples', NULL);
\set VERBOSITY default
SELECT pganalytics.drop_partitions('servers', :'today');

-- A default partition is nobody's day: it is shown as such and never dropped.
CREATE TABLE pganalytics.query_samples_rest PARTITION OF pganalytics.query_samples DEFAULT;
COMMENT ON TABLE pganalytics.query_samples_rest IS 'of the test';
SELECT relation, partition, day, starts_at, ends_at FROM pganalytics.partitions WHERE day IS NULL;
SELECT pganalytics.drop_partitions('query_samples', :'today');
DROP TABLE pganalytics.query_samples_rest;
SELECT pganalytics.partition_range('pg_class'), pganalytics.partition_range(0);

-- DROP EXTENSION takes the partitions with it, without CASCADE.
DROP EXTENSION pganalytics;
SET client_min_messages = error;
CREATE EXTENSION pganalytics;
RESET client_min_messages;
