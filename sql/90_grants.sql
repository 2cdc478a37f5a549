-- Who may do what. Nothing is left to PUBLIC; pganalytics_admin, pganalytics_viewer and
-- pganalytics_ingest get what they use. The reports run with the rights of who calls them, so
-- readers have the tables too, without the hashes of the tokens.

REVOKE ALL ON ALL TABLES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA pganalytics FROM PUBLIC;

-- Reading. Roles made here inherit nothing (NOINHERIT), so administrators are named as well.
GRANT SELECT ON
    pganalytics.servers, pganalytics.databases, pganalytics.query_texts, pganalytics.query_series,
    pganalytics.query_samples, pganalytics.query_stats, pganalytics.partitions
    TO pganalytics_viewer, pganalytics_admin;
GRANT SELECT (collector_id, name, enabled, created_at) ON pganalytics.collectors
    TO pganalytics_viewer, pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.query_deltas(timestamptz, timestamptz, boolean),
    pganalytics.query_activity(timestamptz, timestamptz),
    pganalytics.top_queries_between(timestamptz, timestamptz, integer, text),
    pganalytics.top_queries(interval, integer, text),
    pganalytics.partitioned_relations(),
    pganalytics.partition_range(regclass)
    TO pganalytics_viewer, pganalytics_admin;

-- Administration.
GRANT INSERT (name, token_sha256), UPDATE (token_sha256, enabled) ON pganalytics.collectors
    TO pganalytics_admin;
GRANT SELECT ON pganalytics.push_ledger TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.new_token(),
    pganalytics.create_collector(text),
    pganalytics.rotate_token(text),
    pganalytics.set_collector_enabled(text, boolean),
    pganalytics.make_partition(text, date),
    pganalytics.make_partitions(integer),
    pganalytics.drop_partitions(text, date)
    TO pganalytics_admin;

-- The ingest workers: what one push writes, and nothing of what it has written can be removed.
GRANT SELECT (collector_id, name, token_sha256, enabled) ON pganalytics.collectors
    TO pganalytics_ingest;
GRANT SELECT, INSERT, UPDATE (hostname, server_version, collector_version) ON pganalytics.servers
    TO pganalytics_ingest;
GRANT SELECT, INSERT ON pganalytics.databases, pganalytics.query_texts, pganalytics.push_ledger
    TO pganalytics_ingest;
GRANT SELECT, INSERT, UPDATE (text_id, last_seen, reset_at) ON pganalytics.query_series
    TO pganalytics_ingest;
GRANT INSERT ON pganalytics.query_samples TO pganalytics_ingest;
GRANT EXECUTE ON FUNCTION
    pganalytics.make_partition(text, date),
    pganalytics.make_partitions(integer)
    TO pganalytics_ingest;
