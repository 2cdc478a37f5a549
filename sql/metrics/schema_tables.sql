-- Samples of extensions and schemas, stored when these change and once a day. Then samples of
-- pg_stat_statements itself, and of metrics that have no table of their own.

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
GRANT SELECT ON pganalytics.extension_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.extension_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.schema_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    definition json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.schema_samples IS 'tables, columns, constraints, keys, indexes and triggers, stored when they change and once a day';
GRANT SELECT ON pganalytics.schema_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.schema_samples TO pganalytics_ingest;

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
GRANT SELECT ON pganalytics.statements_info_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.statements_info_samples TO pganalytics_ingest;

CREATE TABLE pganalytics.unknown_metric_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    type text,
    metric json
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.unknown_metric_samples IS 'metrics of types that this version has no table for';
GRANT SELECT ON pganalytics.unknown_metric_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.unknown_metric_samples TO pganalytics_ingest;
