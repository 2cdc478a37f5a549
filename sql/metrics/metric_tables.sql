-- The other metrics: a table for each relation of the metric catalog, kept by day. A row has the
-- number of its series (metric_series: server, database, labels) in place of the names.

CREATE TABLE pganalytics.metric_series (
    server_id integer NOT NULL,
    series_id integer GENERATED ALWAYS AS IDENTITY,
    relation text NOT NULL,
    database_id integer NOT NULL,
    labels text[] NOT NULL,
    label_hash uuid NOT NULL,
    first_seen timestamptz NOT NULL,
    value_hash bigint,
    stored_at timestamptz,
    gone_at timestamptz,
    PRIMARY KEY (server_id, series_id),
    UNIQUE (server_id, relation, database_id, label_hash)
);
COMMENT ON TABLE pganalytics.metric_series IS 'what a row of a metric is about, once: server, database and labels';
COMMENT ON COLUMN pganalytics.metric_series.database_id IS '0 for what belongs to no database';
COMMENT ON COLUMN pganalytics.metric_series.labels IS 'values of the identity columns of the metric catalog, in their order';
COMMENT ON COLUMN pganalytics.metric_series.label_hash IS 'first 16 bytes of the SHA-256 of the labels, each ended by a byte of zero';
COMMENT ON COLUMN pganalytics.metric_series.value_hash IS 'of what is stored when it changes: of the newest rows';
COMMENT ON COLUMN pganalytics.metric_series.gone_at IS 'of what is stored when it changes: time of the first sample that no longer named it';

CREATE TABLE pganalytics.database_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    size_bytes bigint,
    xact_commit bigint,
    xact_rollback bigint,
    tup_returned bigint,
    tup_fetched bigint,
    tup_inserted bigint,
    tup_updated bigint,
    tup_deleted bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.database_samples IS 'size and cumulative counters of each database';

CREATE TABLE pganalytics.table_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    n_live_tup bigint,
    n_dead_tup bigint,
    n_mod_since_analyze bigint,
    size_bytes bigint,
    last_vacuum timestamptz,
    last_autovacuum timestamptz,
    last_analyze timestamptz,
    last_autoanalyze timestamptz,
    vacuum_count bigint,
    autovacuum_count bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.table_samples IS 'rows, size and vacuum state of each table';

CREATE TABLE pganalytics.index_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    idx_scan bigint,
    idx_tup_read bigint,
    idx_tup_fetch bigint,
    size_bytes bigint,
    status text
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.index_samples IS 'size and use of each index';

CREATE TABLE pganalytics.table_bloat_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    n_dead_tup bigint,
    n_live_tup bigint,
    dead_ratio_percent double precision,
    table_size text,
    space_wasted_percent double precision,
    last_vacuum timestamptz,
    last_autovacuum timestamptz,
    vacuum_count bigint,
    autovacuum_count bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.table_bloat_samples IS 'dead rows and estimated waste of each table';

CREATE TABLE pganalytics.index_bloat_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    idx_scan bigint,
    idx_tup_read bigint,
    idx_tup_fetch bigint,
    index_size text,
    usage_status text,
    recommendation text
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.index_bloat_samples IS 'use of each index and what the collector recommends';

CREATE TABLE pganalytics.table_cache_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    heap_blks_hit bigint,
    heap_blks_read bigint,
    total_heap_blks bigint,
    heap_cache_hit_ratio double precision,
    idx_blks_hit bigint,
    idx_blks_read bigint,
    total_idx_blks bigint,
    idx_cache_hit_ratio double precision,
    toast_blks_hit bigint,
    toast_blks_read bigint,
    tidx_blks_hit bigint,
    tidx_blks_read bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.table_cache_samples IS 'blocks of each table found in shared buffers and read';

CREATE TABLE pganalytics.index_cache_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    idx_blks_hit bigint,
    idx_blks_read bigint,
    total_blks bigint,
    cache_hit_ratio double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.index_cache_samples IS 'blocks of each index found in shared buffers and read';

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

CREATE TABLE pganalytics.subscription_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    subscription json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.subscription_samples IS 'logical subscriptions, as the collector gives them';

CREATE TABLE pganalytics.collection_error_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    error json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.collection_error_samples IS 'what the collector could not read, in its own words';

CREATE TABLE pganalytics.lock_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    pid bigint,
    usesysid bigint,
    username text,
    locktype text,
    mode text,
    granted boolean,
    database_oid bigint,
    relation_oid bigint,
    page bigint,
    tuple bigint,
    virtualxid text,
    transactionid bigint,
    classid bigint,
    objid bigint,
    objsubid bigint,
    lock_age_seconds double precision,
    state text,
    query text
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.lock_samples IS 'locks held or awaited when the sample was taken';

CREATE TABLE pganalytics.lock_wait_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    blocked_pid bigint,
    blocked_user text,
    blocked_application text,
    blocked_query text,
    blocking_pid bigint,
    blocking_user text,
    blocking_application text,
    blocking_query text,
    wait_time_seconds double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.lock_wait_samples IS 'who waited for whom when the sample was taken';

CREATE TABLE pganalytics.blocking_query_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    pid bigint,
    datname text,
    username text,
    application_name text,
    client_address text,
    state text,
    query text,
    query_start timestamptz,
    state_change timestamptz,
    duration_seconds double precision,
    backend_start timestamptz
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.blocking_query_samples IS 'sessions that held up others when the sample was taken';

CREATE TABLE pganalytics.connection_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    count bigint,
    max_age_seconds double precision,
    min_age_seconds double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.connection_samples IS 'connections by database and state, as seen from each database';

CREATE TABLE pganalytics.connection_total_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    total_connections bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.connection_total_samples IS 'all connections of the server, as seen from each database';

CREATE TABLE pganalytics.long_transaction_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    pid bigint,
    datname text,
    username text,
    application_name text,
    client_address text,
    state text,
    query text,
    query_start timestamptz,
    state_change timestamptz,
    duration_seconds double precision,
    backend_start timestamptz
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.long_transaction_samples IS 'transactions that had been open for long';

CREATE TABLE pganalytics.idle_transaction_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    pid bigint,
    datname text,
    username text,
    application_name text,
    client_address text,
    state text,
    query text,
    query_start timestamptz,
    state_change timestamptz,
    duration_seconds double precision,
    backend_start timestamptz
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.idle_transaction_samples IS 'transactions that were open and idle';

CREATE TABLE pganalytics.extension_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    version text,
    owner text,
    schema text,
    relocatable boolean,
    description text
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.extension_samples IS 'extensions of each database, stored when they change and once a day';

CREATE TABLE pganalytics.schema_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    definition json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.schema_samples IS 'tables, columns, constraints, keys, indexes and triggers, stored when they change and once a day';

CREATE TABLE pganalytics.statements_info_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    statements bigint,
    max_statements bigint,
    dealloc bigint,
    stats_reset timestamptz
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.statements_info_samples IS 'what pg_stat_statements says of itself: entries, room, and entries it has dropped';

CREATE TABLE pganalytics.unknown_metric_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    type text,
    metric json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.unknown_metric_samples IS 'metrics of types that this version has no table for';
