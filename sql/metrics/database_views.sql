-- Views over the metrics of databases, tables and indexes. They show names instead of numbers and
-- zeros instead of NULL. A condition on sampled_at prunes the partitions.

-- Each sample is joined to its series by the whole key (server_id, series_id), so that servers can
-- be stored separately one day.

CREATE VIEW pganalytics.series_names AS
    SELECT m.server_id, m.series_id, m.relation, c.name AS collector, v.name AS server,
           b.name AS database, m.labels, m.first_seen, m.gone_at
    FROM pganalytics.metric_series m
    JOIN pganalytics.servers v ON v.server_id = m.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    LEFT JOIN pganalytics.databases b
           ON b.server_id = m.server_id AND b.database_id = m.database_id;
COMMENT ON VIEW pganalytics.series_names IS
    'what the series of metrics are about: collector, server, database and labels';
COMMENT ON COLUMN pganalytics.series_names.labels IS
    'in the order of the identity columns of pganalytics.metric_columns(); empty when absent';
GRANT SELECT ON pganalytics.series_names
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.database_stats AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.size_bytes,
           coalesce(s.xact_commit, 0) AS xact_commit,
           coalesce(s.xact_rollback, 0) AS xact_rollback,
           coalesce(s.tup_returned, 0) AS tup_returned, coalesce(s.tup_fetched, 0) AS tup_fetched,
           coalesce(s.tup_inserted, 0) AS tup_inserted, coalesce(s.tup_updated, 0) AS tup_updated,
           coalesce(s.tup_deleted, 0) AS tup_deleted
    FROM pganalytics.database_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.database_stats IS
    'size of each database and its cumulative counters since its statistics were reset';
GRANT SELECT ON pganalytics.database_stats
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.table_stats AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
           s.size_bytes, s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze,
           coalesce(s.vacuum_count, 0) AS vacuum_count,
           coalesce(s.autovacuum_count, 0) AS autovacuum_count
    FROM pganalytics.table_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.table_stats IS
    'rows, size and vacuum state of each table; times that are NULL: never';
GRANT SELECT ON pganalytics.table_stats
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.index_stats AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, nullif(n.labels[3], '') AS indexrelname,
           coalesce(s.idx_scan, 0) AS idx_scan, coalesce(s.idx_tup_read, 0) AS idx_tup_read,
           coalesce(s.idx_tup_fetch, 0) AS idx_tup_fetch, s.size_bytes, s.status
    FROM pganalytics.index_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.index_stats IS
    'size of each index and its cumulative counters of use';
COMMENT ON COLUMN pganalytics.index_stats.status IS
    'the collector''s verdict on the use of the index';
GRANT SELECT ON pganalytics.index_stats
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.table_bloat AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, s.n_dead_tup, s.n_live_tup, s.dead_ratio_percent,
           s.table_size, s.space_wasted_percent, s.last_vacuum, s.last_autovacuum,
           coalesce(s.vacuum_count, 0) AS vacuum_count,
           coalesce(s.autovacuum_count, 0) AS autovacuum_count
    FROM pganalytics.table_bloat_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.table_bloat IS
    'dead rows of each table and the waste that the collector estimates';
COMMENT ON COLUMN pganalytics.table_bloat.table_size IS
    'for people to read; table_stats has bytes';
GRANT SELECT ON pganalytics.table_bloat
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.index_bloat AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, nullif(n.labels[3], '') AS indexrelname,
           coalesce(s.idx_scan, 0) AS idx_scan, coalesce(s.idx_tup_read, 0) AS idx_tup_read,
           coalesce(s.idx_tup_fetch, 0) AS idx_tup_fetch, s.index_size, s.usage_status,
           s.recommendation
    FROM pganalytics.index_bloat_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.index_bloat IS
    'use of each index and what the collector recommends';
COMMENT ON COLUMN pganalytics.index_bloat.index_size IS
    'for people to read; index_stats has bytes';
GRANT SELECT ON pganalytics.index_bloat
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.table_cache AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, coalesce(s.heap_blks_hit, 0) AS heap_blks_hit,
           coalesce(s.heap_blks_read, 0) AS heap_blks_read,
           coalesce(s.total_heap_blks, 0) AS total_heap_blks, s.heap_cache_hit_ratio,
           coalesce(s.idx_blks_hit, 0) AS idx_blks_hit,
           coalesce(s.idx_blks_read, 0) AS idx_blks_read,
           coalesce(s.total_idx_blks, 0) AS total_idx_blks, s.idx_cache_hit_ratio,
           coalesce(s.toast_blks_hit, 0) AS toast_blks_hit,
           coalesce(s.toast_blks_read, 0) AS toast_blks_read,
           coalesce(s.tidx_blks_hit, 0) AS tidx_blks_hit,
           coalesce(s.tidx_blks_read, 0) AS tidx_blks_read
    FROM pganalytics.table_cache_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.table_cache IS
    'blocks of each table found in shared buffers (hit) and read: cumulative counters, ratios of all time';
COMMENT ON COLUMN pganalytics.table_cache.tidx_blks_hit IS
    'of the index of the TOAST table';
COMMENT ON COLUMN pganalytics.table_cache.tidx_blks_read IS
    'of the index of the TOAST table';
GRANT SELECT ON pganalytics.table_cache
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.index_cache AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS schemaname,
           nullif(n.labels[2], '') AS relname, nullif(n.labels[3], '') AS indexrelname,
           coalesce(s.idx_blks_hit, 0) AS idx_blks_hit,
           coalesce(s.idx_blks_read, 0) AS idx_blks_read, coalesce(s.total_blks, 0) AS total_blks,
           s.cache_hit_ratio
    FROM pganalytics.index_cache_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.index_cache IS
    'blocks of each index found in shared buffers (hit) and read: cumulative counters, ratio of all time';
GRANT SELECT ON pganalytics.index_cache
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
