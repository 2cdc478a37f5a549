-- Metrics of type pg_replication: slots, standbys, WAL, wraparound, subscriptions, errors.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pg_temp.series('replication_slot_samples', 1, 'standby_1') AS slot,
       pg_temp.series('replication_samples', 1, 'walreceiver', '10.0.0.2') AS standby,
       pg_temp.series('replication_samples', 1, 'pg_receivewal', '') AS receiver,
       pg_temp.series('wal_samples', 1) AS wal,
       pg_temp.series('wraparound_samples', 1, 'shop') AS shop,
       pg_temp.series('subscription_samples', 1) AS subscription,
       pg_temp.series('collection_error_samples', 1) AS error \gset
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.replication_slot_samples VALUES
    (1, :slot, :'day', 'physical', true, '16/B374D848', NULL, 0.5, false, 4711, 524288);
-- Two walreceivers of one host have one series; each its row.
INSERT INTO pganalytics.replication_samples VALUES
    (1, :standby, :'day', 4711, 'repl', 'streaming', 'sync', '16/B374D848', '16/B374D800',
     '16/B3740000', 0.1, 0.2, 0.3, 0, :'day'),
    (1, :standby, :'day', 4712, 'repl', 'streaming', 'async', 'FFFFFFFF/FFFFFFFF', '0/0', NULL, NULL,
     NULL, NULL, NULL, NULL),
    (1, :receiver, :'day', 4713, 'repl', 'catchup', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO pganalytics.wal_samples VALUES (1, :wal, :'day', 64, 1024, 1100.5, 3, 12.25);
INSERT INTO pganalytics.wraparound_samples VALUES
    (1, :shop, :'day', 700, 4294967295, 2146483647, 99.95, false, 0, 1000000);
INSERT INTO pganalytics.subscription_samples VALUES (1, :subscription, :'day', '{"name": "s", "lag": 1}');
INSERT INTO pganalytics.collection_error_samples VALUES (1, :error, :'day', '{"error": "denied"}');

SET ROLE pganalytics_viewer;
SELECT collector, server, sampled_at - :'day' AS at, slot_name, slot_type, active, restart_lsn,
       confirmed_flush_lsn, wal_retained_mb, plugin_active, backend_pid, bytes_retained
FROM pganalytics.replication_slots;
SELECT collector, server, sampled_at - :'day' AS at, application_name, client_addr, pid, usename, state,
       sync_state, write_lsn, flush_lsn, replay_lsn
FROM pganalytics.replication_status ORDER BY pid;
SELECT pid, write_lag_ms, flush_lag_ms, replay_lag_ms, behind_by_mb, backend_start - :'day' AS started,
       write_lsn - flush_lsn AS not_flushed
FROM pganalytics.replication_status WHERE sync_state = 'sync';
SELECT collector, server, sampled_at - :'day' AS at, total_segments, current_wal_size_mb,
       wal_directory_size_mb, segments_since_checkpoint, growth_rate_mb_per_hour
FROM pganalytics.wal_status;
SELECT collector, server, sampled_at - :'day' AS at, datname, relfrozenxid, current_xid,
       xid_until_wraparound, percent_until_wraparound, at_risk, tables_needing_vacuum, oldest_table_age
FROM pganalytics.wraparound_risk;
SELECT collector, server, sampled_at - :'day' AS at, subscription ->> 'name' AS name, subscription
FROM pganalytics.subscriptions;
SELECT collector, server, sampled_at - :'day' AS at, error FROM pganalytics.collection_errors;

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
