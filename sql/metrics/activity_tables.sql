-- Samples of locks, connections and open transactions.

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
GRANT SELECT ON pganalytics.lock_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.lock_samples TO pganalytics_ingest;

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
COMMENT ON TABLE pganalytics.lock_wait_samples IS 'which session waited for which when the sample was taken';
GRANT SELECT ON pganalytics.lock_wait_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.lock_wait_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.blocking_query_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.blocking_query_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.connection_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    count bigint,
    max_age_seconds double precision,
    min_age_seconds double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.connection_samples IS 'connections by database and state, as seen from each database';
GRANT SELECT ON pganalytics.connection_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.connection_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.connection_total_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    total_connections bigint
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.connection_total_samples IS 'all connections of the server, as seen from each database';
GRANT SELECT ON pganalytics.connection_total_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.connection_total_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.long_transaction_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.long_transaction_samples TO pganalytics_ingest;

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
    backend_start timestamptz,
    idle_time_seconds double precision
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.idle_transaction_samples IS 'transactions that were open and idle';
GRANT SELECT ON pganalytics.idle_transaction_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.idle_transaction_samples TO pganalytics_ingest;
