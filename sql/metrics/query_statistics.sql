-- Query statistics: each text is stored once, each query's identity once, and counters by day.

CREATE TABLE pganalytics.query_texts (
    text_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    text_hash uuid NOT NULL UNIQUE,
    text text NOT NULL
);
COMMENT ON TABLE pganalytics.query_texts IS 'query texts, each once for all servers';
COMMENT ON COLUMN pganalytics.query_texts.text_hash IS 'first 16 bytes of the SHA-256 of the text in UTF-8';
GRANT SELECT ON pganalytics.query_texts
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT (text_id, text_hash), INSERT (text_hash, text) ON pganalytics.query_texts TO pganalytics_ingest;

-- forget_query_text() removes a text and keeps its hash, so that the text is not stored again. A
-- viewer could try guesses against a hash, so viewers do not see it.
CREATE TABLE pganalytics.forgotten_texts (
    text_hash uuid PRIMARY KEY,
    forgotten_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE pganalytics.forgotten_texts IS 'hashes of texts that an administrator has removed; such a text is not stored again';
COMMENT ON COLUMN pganalytics.forgotten_texts.text_hash IS 'as query_texts.text_hash';
GRANT SELECT (text_hash) ON pganalytics.forgotten_texts TO pganalytics_ingest;

CREATE TABLE pganalytics.query_series (
    server_id integer NOT NULL,
    series_id integer GENERATED ALWAYS AS IDENTITY,
    database_id integer NOT NULL,
    username text NOT NULL,
    queryid bigint NOT NULL,
    toplevel boolean NOT NULL,
    text_id bigint,
    text_state text CHECK (text_state IN ('masked', 'as_sent', 'none', 'forgotten')),
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    from_zero boolean NOT NULL,
    reset_at timestamptz,
    text_note text CHECK (text_note IN ('cut', 'left out')),
    PRIMARY KEY (server_id, series_id),
    UNIQUE (server_id, database_id, queryid, username, toplevel)
);
-- To find texts that no series uses any more.
CREATE INDEX query_series_text_id_idx ON pganalytics.query_series (text_id);
COMMENT ON TABLE pganalytics.query_series IS 'the identity of a query on a server, once';
COMMENT ON COLUMN pganalytics.query_series.username IS 'empty when the collector does not say (v3)';
COMMENT ON COLUMN pganalytics.query_series.text_state IS
    'how its text was stored, as pganalytics.query_texts said then; forgotten: forget_query_text() has removed it; NULL: none has come';
COMMENT ON COLUMN pganalytics.query_series.last_seen IS 'kept to the hour: within an hour of the newest sample';
COMMENT ON COLUMN pganalytics.query_series.from_zero IS 'the collector saw the query begin: its first counters are activity, not history';
COMMENT ON COLUMN pganalytics.query_series.reset_at IS 'time of the last sample whose counters had started again from zero, or that was a base';
COMMENT ON COLUMN pganalytics.query_series.text_note IS 'cut: the text is longer than quota_query_text; left out: the collector had reached quota_texts for the day';
GRANT SELECT ON pganalytics.query_series
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT (server_id, series_id, database_id, username, queryid, toplevel, text_id, text_state, last_seen, reset_at),
      INSERT (server_id, database_id, username, queryid, toplevel, text_id, text_state, first_seen, last_seen,
              from_zero, text_note),
      UPDATE (text_id, text_state, last_seen, reset_at, text_note)
    ON pganalytics.query_series TO pganalytics_ingest;

-- The counters are those of the metric catalog: sql/install_script.awk replaces the line {calls..}
-- by their columns.
CREATE TABLE pganalytics.query_samples (
    server_id integer NOT NULL,
    series_id integer NOT NULL,
    sampled_at timestamptz NOT NULL,
    rebased boolean,
    {calls..} {name} {type}
) PARTITION BY RANGE (sampled_at);
COMMENT ON TABLE pganalytics.query_samples IS 'cumulative counters as the source gives them; a counter of zero is stored as NULL; times in milliseconds';
GRANT SELECT ON pganalytics.query_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT ON pganalytics.query_samples TO pganalytics_ingest;

-- push_ledger has one row per push: what the push held and what happened to it. A retry finds the
-- result of the first attempt here. push_key is unique across all partitions, because the worker
-- locks each key. A unique index on the parent would break dump and restore.
CREATE TABLE pganalytics.push_ledger (
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    server_id integer NOT NULL,
    push_key uuid NOT NULL,
    body_hash uuid NOT NULL,
    collector_id uuid NOT NULL,
    epoch bigint,
    sequence bigint,
    body_bytes bigint NOT NULL,
    observed bigint NOT NULL,
    stored bigint NOT NULL,
    unchanged bigint NOT NULL,
    merged bigint NOT NULL,
    discarded_too_old bigint NOT NULL,
    discarded_in_future bigint NOT NULL,
    discarded_too_large bigint NOT NULL,
    discarded_over_quota bigint NOT NULL DEFAULT 0,
    unstored jsonb,
    lsn pg_lsn NOT NULL DEFAULT pg_catalog.pg_current_wal_insert_lsn(),
    CONSTRAINT push_ledger_accounts CHECK (
        observed = stored + unchanged + merged + discarded_too_old + discarded_in_future
                   + discarded_too_large + discarded_over_quota)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE pganalytics.push_ledger IS 'one row per push: deduplication key and exact accounts';
COMMENT ON COLUMN pganalytics.push_ledger.push_key IS 'of the Idempotency-Key header, else of the body: first 16 bytes of a SHA-256';
COMMENT ON COLUMN pganalytics.push_ledger.unstored IS 'fields and values that fit no column, and metrics that were too large, by name, with counts';
COMMENT ON COLUMN pganalytics.push_ledger.lsn IS 'WAL position when the row was written; its commit follows';
GRANT SELECT ON pganalytics.push_ledger TO pganalytics_admin;
GRANT SELECT (received_at, server_id, push_key, body_hash, observed, stored, unchanged, merged,
              discarded_too_old, discarded_in_future, discarded_too_large, discarded_over_quota),
      INSERT (server_id, push_key, body_hash, collector_id, epoch, sequence, body_bytes, observed, stored,
              unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large, discarded_over_quota,
              unstored)
    ON pganalytics.push_ledger TO pganalytics_ingest;

-- push_accounts has the counts of each push by database. The worker writes them together with the
-- push's row in push_ledger, with the same time and key. Each push has a row with database_id 0,
-- even if all its counts are zero. So counting these rows counts the pushes without the ledger.
CREATE TABLE pganalytics.push_accounts (
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    server_id integer NOT NULL,
    push_key uuid NOT NULL,
    database_id integer NOT NULL,
    observed bigint NOT NULL,
    stored bigint NOT NULL,
    unchanged bigint NOT NULL,
    merged bigint NOT NULL,
    beyond_limit bigint NOT NULL,
    discarded_too_old bigint NOT NULL,
    discarded_in_future bigint NOT NULL,
    discarded_too_large bigint NOT NULL,
    discarded_over_quota bigint NOT NULL DEFAULT 0,
    queries bigint NOT NULL,
    newest_sample_at timestamptz,
    CONSTRAINT push_accounts_add_up CHECK (
        observed = stored + unchanged + merged + discarded_too_old + discarded_in_future
                   + discarded_too_large + discarded_over_quota
        AND beyond_limit <= merged AND beyond_limit <= queries AND queries <= observed)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE pganalytics.push_accounts IS 'what happened to the rows of each push, by database';
COMMENT ON COLUMN pganalytics.push_accounts.database_id IS '0 for what belongs to no database';
COMMENT ON COLUMN pganalytics.push_accounts.beyond_limit IS 'of the merged: because of max_queries_per_db';
COMMENT ON COLUMN pganalytics.push_accounts.queries IS 'of the observed: rows of query statistics, what is unchanged and merged included';
COMMENT ON COLUMN pganalytics.push_accounts.newest_sample_at IS 'the latest time of a sample among the rows; NULL: no row was in time';
GRANT SELECT ON pganalytics.push_accounts
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_ingest;
GRANT INSERT (server_id, push_key, database_id, observed, stored, unchanged, merged, beyond_limit,
              discarded_too_old, discarded_in_future, discarded_too_large, discarded_over_quota, queries,
              newest_sample_at)
    ON pganalytics.push_accounts TO pganalytics_ingest;
