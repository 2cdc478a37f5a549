-- Views over the metrics' tables: the host, its log, replication and the write-ahead log.

CREATE VIEW pganalytics.host_stats AS
    SELECT n.collector, n.server, s.sampled_at, s.cpu_user_percent, s.cpu_system_percent,
           s.cpu_idle_percent, s.cpu_iowait_percent, s.load_1m, s.load_5m, s.load_15m,
           s.memory_total_mb, s.memory_free_mb, s.memory_cached_mb, s.memory_used_mb
    FROM pganalytics.host_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.host_stats IS
    'processor, load and memory of the host; what the collector could not read is NULL';
GRANT SELECT ON pganalytics.host_stats
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.disk_io AS
    SELECT n.collector, n.server, s.sampled_at, nullif(n.labels[1], '') AS device,
           coalesce(s.read_ops, 0) AS read_ops, coalesce(s.write_ops, 0) AS write_ops,
           coalesce(s.read_sectors, 0) AS read_sectors,
           coalesce(s.write_sectors, 0) AS write_sectors
    FROM pganalytics.disk_io_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.disk_io IS
    'cumulative counters of each block device since the host started';
COMMENT ON COLUMN pganalytics.disk_io.read_sectors IS
    'of 512 bytes, whatever the device has';
COMMENT ON COLUMN pganalytics.disk_io.write_sectors IS
    'of 512 bytes, whatever the device has';
GRANT SELECT ON pganalytics.disk_io
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.disk_usage AS
    SELECT n.collector, n.server, s.sampled_at, nullif(n.labels[1], '') AS device,
           nullif(n.labels[2], '') AS mount, s.total_gb, s.used_gb, s.free_gb, s.percent_used
    FROM pganalytics.filesystem_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.disk_usage IS
    'space on each file system of the host';
GRANT SELECT ON pganalytics.disk_usage
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.log_entries AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.level, s.message, s.reported_at
    FROM pganalytics.log_lines s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.log_entries IS
    'lines of the servers'' logs, each once however often it was sent';
COMMENT ON COLUMN pganalytics.log_entries.sampled_at IS
    'when the collector first read the line';
COMMENT ON COLUMN pganalytics.log_entries.reported_at IS
    'the time that the collector gives for the line; v3 collectors send a constant';
GRANT SELECT ON pganalytics.log_entries
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.replication_slots AS
    SELECT n.collector, n.server, s.sampled_at, nullif(n.labels[1], '') AS slot_name, s.slot_type,
           s.active, s.restart_lsn, s.confirmed_flush_lsn, s.wal_retained_mb, s.plugin_active,
           s.backend_pid, s.bytes_retained
    FROM pganalytics.replication_slot_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.replication_slots IS
    'state of each replication slot and the WAL it holds back';
GRANT SELECT ON pganalytics.replication_slots
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.replication_status AS
    SELECT n.collector, n.server, s.sampled_at, nullif(n.labels[1], '') AS application_name,
           nullif(n.labels[2], '') AS client_addr, s.pid, s.usename, s.state, s.sync_state,
           s.write_lsn, s.flush_lsn, s.replay_lsn, s.write_lag_ms, s.flush_lag_ms, s.replay_lag_ms,
           s.behind_by_mb, s.backend_start
    FROM pganalytics.replication_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.replication_status IS
    'state and lag of each standby';
GRANT SELECT ON pganalytics.replication_status
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.wal_status AS
    SELECT n.collector, n.server, s.sampled_at, s.total_segments, s.current_wal_size_mb,
           s.wal_directory_size_mb, s.segments_since_checkpoint, s.growth_rate_mb_per_hour
    FROM pganalytics.wal_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.wal_status IS
    'size and growth of the write-ahead log';
GRANT SELECT ON pganalytics.wal_status
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.wraparound_risk AS
    SELECT n.collector, n.server, s.sampled_at, nullif(n.labels[1], '') AS datname, s.relfrozenxid,
           s.current_xid, s.xid_until_wraparound, s.percent_until_wraparound, s.at_risk,
           s.tables_needing_vacuum, s.oldest_table_age
    FROM pganalytics.wraparound_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.wraparound_risk IS
    'distance of each database to transaction ID wraparound';
GRANT SELECT ON pganalytics.wraparound_risk
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.subscriptions AS
    SELECT n.collector, n.server, s.sampled_at, s.subscription
    FROM pganalytics.subscription_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.subscriptions IS
    'logical subscriptions, as the collector gives them';
GRANT SELECT ON pganalytics.subscriptions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.collection_errors AS
    SELECT n.collector, n.server, s.sampled_at, s.error
    FROM pganalytics.collection_error_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.collection_errors IS
    'what the collector could not read, in its own words';
GRANT SELECT ON pganalytics.collection_errors
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
