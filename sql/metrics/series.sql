-- The series of all metrics except query statistics. Each relation of the metric catalog has a
-- table of samples, partitioned by day. A sample has the number of its series instead of names.

-- The ingest worker may insert into all columns of the samples' tables, because the bulk insert
-- checks the privilege on the table, not on columns.

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
-- value_hash is of the values as they were sent. With it one could try guesses of what is masked.
GRANT SELECT (server_id, series_id, relation, database_id, labels, label_hash, first_seen, stored_at, gone_at)
    ON pganalytics.metric_series
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT (server_id, series_id, relation, database_id, label_hash, value_hash, stored_at, gone_at),
      INSERT (server_id, relation, database_id, labels, label_hash, first_seen),
      UPDATE (value_hash, stored_at, gone_at)
    ON pganalytics.metric_series TO pganalytics_ingest;
