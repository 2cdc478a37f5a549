-- Views over the metrics' tables: locks, connections and open transactions, as they were when a
-- sample was taken.

CREATE VIEW pganalytics.locks AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.pid, s.usesysid, s.username,
           s.locktype, s.mode, s.granted, s.database_oid, s.relation_oid, s.page, s.tuple,
           s.virtualxid, s.transactionid, s.classid, s.objid, s.objsubid, s.lock_age_seconds,
           s.state, s.query
    FROM pganalytics.lock_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.locks IS
    'locks held or awaited, seen from each database';
COMMENT ON COLUMN pganalytics.locks.database_oid IS
    'number of the database in the monitored server; 0 for shared objects';
COMMENT ON COLUMN pganalytics.locks.lock_age_seconds IS
    'as the collector measures it';
GRANT SELECT ON pganalytics.locks
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.lock_waits AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.blocked_pid, s.blocked_user,
           s.blocked_application, s.blocked_query, s.blocking_pid, s.blocking_user,
           s.blocking_application, s.blocking_query, s.wait_time_seconds
    FROM pganalytics.lock_wait_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.lock_waits IS
    'which session waited for which';
GRANT SELECT ON pganalytics.lock_waits
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.blocking_queries AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.pid, s.datname, s.username,
           s.application_name, s.client_address, s.state, s.query, s.query_start, s.state_change,
           s.duration_seconds, s.backend_start
    FROM pganalytics.blocking_query_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.blocking_queries IS
    'sessions that held up others';
COMMENT ON COLUMN pganalytics.blocking_queries.datname IS
    'database of the session; "database" is the one that the collector asked';
GRANT SELECT ON pganalytics.blocking_queries
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.connections AS
    SELECT n.collector, n.server, n.database, s.sampled_at, n.labels[1] AS datname,
           n.labels[2] AS state, s.count, s.max_age_seconds, s.min_age_seconds
    FROM pganalytics.connection_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.connections IS
    'connections by database and state';
COMMENT ON COLUMN pganalytics.connections.datname IS
    'database of the connections; "database" is the one that the collector asked';
COMMENT ON COLUMN pganalytics.connections.state IS
    'empty for processes that have none';
GRANT SELECT ON pganalytics.connections
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.connection_totals AS
    SELECT n.collector, n.server, n.database, s.sampled_at, s.total_connections
    FROM pganalytics.connection_total_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.connection_totals IS
    'all connections of a server, as seen from each database';
GRANT SELECT ON pganalytics.connection_totals
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.long_transactions AS
    SELECT n.collector, n.server, n.database, s.sampled_at, 'long' AS kind,
           s.pid, s.datname, s.username,
           s.application_name, s.client_address, s.state, s.query, s.query_start, s.state_change,
           s.duration_seconds, s.backend_start, NULL::double precision AS idle_time_seconds
    FROM pganalytics.long_transaction_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id)
    UNION ALL
    SELECT n.collector, n.server, n.database, s.sampled_at, 'idle' AS kind,
           s.pid, s.datname, s.username,
           s.application_name, s.client_address, s.state, s.query, s.query_start, s.state_change,
           s.duration_seconds, s.backend_start, s.idle_time_seconds
    FROM pganalytics.idle_transaction_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.long_transactions IS
    'transactions that had been open for long, and those that were open and idle';
COMMENT ON COLUMN pganalytics.long_transactions.kind IS
    'long: open for long; idle: open and waiting for its client; one that is both comes twice';
COMMENT ON COLUMN pganalytics.long_transactions.datname IS
    'database of the session; "database" is the one that the collector asked';
COMMENT ON COLUMN pganalytics.long_transactions.idle_time_seconds IS
    'how long it had waited for its client, if the collector says so';
GRANT SELECT ON pganalytics.long_transactions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
