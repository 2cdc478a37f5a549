-- Samples of databases, tables and indexes.

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
GRANT SELECT ON pganalytics.database_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.database_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.table_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.table_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.index_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.index_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.table_bloat_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.table_bloat_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.index_bloat_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.index_bloat_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.table_cache_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.table_cache_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.index_cache_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.index_cache_samples TO pganalytics_ingest;
