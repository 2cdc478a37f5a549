-- Metrics of type pg_connections: connections by state, and transactions that are open for long.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('connection_samples', 1, 'shop', 'active') AS active,
       pg_temp.series('connection_samples', 1, '', '') AS background,
       pg_temp.series('connection_total_samples', 1) AS total,
       pg_temp.series('long_transaction_samples', 1) AS long,
       pg_temp.series('idle_transaction_samples', 1) AS idle,
       pg_temp.series('idle_transaction_samples', 2) AS idle_in_bank \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.connection_samples VALUES
    (1, :active, :'day', 5, 3600, 0), (1, :background, :'day', 6, NULL, NULL);
INSERT INTO pganalytics.connection_total_samples VALUES (1, :total, :'day', 11);
INSERT INTO pganalytics.long_transaction_samples VALUES
    (1, :long, :'day', 100, 'shop', 'ann', 'app', NULL, 'active', 'SELECT pg_sleep(600)', :'day', NULL,
     600.5, :'day');
INSERT INTO pganalytics.idle_transaction_samples VALUES
    (1, :idle, :'day', 101, 'shop', 'bob', '', '10.0.0.1', 'idle in transaction', 'BEGIN', :'day',
     :'day', 30, :'day', 25.5),
    (2, :idle_in_bank, :'day', 102, 'bank', 'eve', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL);

SET ROLE pganalytics_viewer;
SELECT collector, server, database, sampled_at - :'day' AS at, datname, state, count, max_age_seconds,
       min_age_seconds
FROM pganalytics.connections ORDER BY datname;
SELECT collector, server, database, sampled_at - :'day' AS at, total_connections
FROM pganalytics.connection_totals;
SELECT collector, server, database, sampled_at - :'day' AS at, kind, pid, datname, username,
       application_name, client_address, state, query, query_start - :'day' AS query_start,
       state_change - :'day' AS state_change, duration_seconds, backend_start - :'day' AS backend_start,
       idle_time_seconds
FROM pganalytics.long_transactions ORDER BY pid;
SELECT pid FROM pganalytics.long_transactions WHERE kind = 'idle' AND collector = 'east';

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
