-- Metrics of type pg_locks: locks, who waits for whom, who holds up others.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('lock_samples', 1) AS lock, pg_temp.series('lock_wait_samples', 1) AS wait,
       pg_temp.series('blocking_query_samples', 2) AS blocking \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.lock_samples VALUES
    (1, :lock, :'day', 100, 10, 'ann', 'relation', 'AccessShareLock', true, 5, 16384, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, 0.5, 'active', 'SELECT 1'),
    (1, :lock, :'day', 101, 4294967295, 'bob', 'tuple', 'ExclusiveLock', false, 5, 16384, 0, 7, '3/14',
     4294967295, 1259, 2, 0, 61, 'active', NULL);
INSERT INTO pganalytics.lock_wait_samples VALUES
    (1, :wait, :'day', 101, 'bob', 'psql', 'UPDATE t SET x = 1', 100, 'ann', '', 'SELECT 1', 61);
INSERT INTO pganalytics.blocking_query_samples VALUES
    (2, :blocking, :'day', 100, 'bank', 'ann', 'app', '10.0.0.1', 'idle in transaction', 'SELECT 1',
     :'day', :'day', 61.5, :'day');

SET ROLE pganalytics_viewer;
SELECT collector, server, database, sampled_at - :'day' AS at, pid, usesysid, username, locktype, mode,
       granted, lock_age_seconds, state, query
FROM pganalytics.locks ORDER BY pid;
SELECT pid, database_oid, relation_oid, page, tuple, virtualxid, transactionid, classid, objid, objsubid
FROM pganalytics.locks ORDER BY pid;
SELECT collector, server, database, sampled_at - :'day' AS at, blocked_pid, blocked_user,
       blocked_application, blocked_query, blocking_pid, blocking_user, blocking_application,
       blocking_query, wait_time_seconds
FROM pganalytics.lock_waits;
SELECT collector, server, database, sampled_at - :'day' AS at, pid, datname, username, application_name,
       client_address, state, query, query_start - :'day' AS query_start,
       state_change - :'day' AS state_change, duration_seconds, backend_start - :'day' AS backend_start
FROM pganalytics.blocking_queries;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
