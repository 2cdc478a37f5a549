-- Samples of the host, its log, replication and the write-ahead log.

CREATE TABLE pganalytics.host_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    cpu_user_percent double precision,
    cpu_system_percent double precision,
    cpu_idle_percent double precision,
    cpu_iowait_percent double precision,
    load_1m double precision,
    load_5m double precision,
    load_15m double precision,
    memory_total_mb double precision,
    memory_free_mb double precision,
    memory_cached_mb double precision,
    memory_used_mb double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.host_samples IS 'processor, load and memory of the host';
GRANT SELECT ON pganalytics.host_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.host_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.disk_io_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    read_ops bigint,
    write_ops bigint,
    read_sectors bigint,
    write_sectors bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.disk_io_samples IS 'cumulative counters of each block device';
GRANT SELECT ON pganalytics.disk_io_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.disk_io_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.filesystem_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    total_gb double precision,
    used_gb double precision,
    free_gb double precision,
    percent_used double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.filesystem_samples IS 'space on each file system of the host';
GRANT SELECT ON pganalytics.filesystem_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.filesystem_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.log_lines (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    level text,
    message text,
    reported_at timestamptz,
    content_hash bigint NOT NULL
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.log_lines IS 'lines of the server log, each once; reported_at is what the sender says and may be wrong';
-- content_hash is of the text as it was sent. With it one could try guesses of what is masked.
GRANT SELECT (server_id, series_id, sampled_at, level, message, reported_at) ON pganalytics.log_lines
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT, SELECT (server_id, series_id, sampled_at, content_hash) ON pganalytics.log_lines
    TO pganalytics_ingest;

CREATE TABLE pganalytics.replication_slot_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    slot_type text,
    active boolean,
    restart_lsn pg_lsn,
    confirmed_flush_lsn pg_lsn,
    wal_retained_mb double precision,
    plugin_active boolean,
    backend_pid bigint,
    bytes_retained bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.replication_slot_samples IS 'state of each replication slot';
GRANT SELECT ON pganalytics.replication_slot_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.replication_slot_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.replication_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    pid bigint,
    usename text,
    state text,
    sync_state text,
    write_lsn pg_lsn,
    flush_lsn pg_lsn,
    replay_lsn pg_lsn,
    write_lag_ms double precision,
    flush_lag_ms double precision,
    replay_lag_ms double precision,
    behind_by_mb double precision,
    backend_start timestamptz
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.replication_samples IS 'state and lag of each standby';
GRANT SELECT ON pganalytics.replication_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.replication_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.wal_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    total_segments bigint,
    current_wal_size_mb double precision,
    wal_directory_size_mb double precision,
    segments_since_checkpoint bigint,
    growth_rate_mb_per_hour double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.wal_samples IS 'write-ahead log of the server';
GRANT SELECT ON pganalytics.wal_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.wal_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.wraparound_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    relfrozenxid bigint,
    current_xid bigint,
    xid_until_wraparound bigint,
    percent_until_wraparound double precision,
    at_risk boolean,
    tables_needing_vacuum bigint,
    oldest_table_age bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.wraparound_samples IS 'distance of each database to transaction ID wraparound';
GRANT SELECT ON pganalytics.wraparound_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.wraparound_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.subscription_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    subscription json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.subscription_samples IS 'logical subscriptions, as the collector gives them';
GRANT SELECT ON pganalytics.subscription_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.subscription_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.collection_error_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    error json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.collection_error_samples IS 'what the collector could not read, in its own words';
GRANT SELECT ON pganalytics.collection_error_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.collection_error_samples TO pganalytics_ingest;
