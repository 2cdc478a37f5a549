-- Collectors, and the servers and databases that they monitor. Administrators write the collectors.
-- An ingest worker adds a server or database at its first push, after it has looked up the
-- collector or server to which the new row refers.

-- The tables have no foreign keys: pg_dump records no order for the rows of an extension's tables,
-- so pg_restore with several jobs would fail. What refers to a deleted collector or server is
-- removed in the background (sql/retention/forget.sql).

CREATE TABLE pganalytics.collectors (
    collector_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    token_sha256 bytea UNIQUE CHECK (pg_catalog.length(token_sha256) = 32),
    enabled boolean NOT NULL DEFAULT true,
    tokens_valid_from timestamptz NOT NULL DEFAULT '-infinity',
    registration_until timestamptz,
    max_queries_per_db integer CHECK (max_queries_per_db BETWEEN 1 AND 100000),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE pganalytics.collectors IS
    'programs that may push; only the SHA-256 of a token is kept';
COMMENT ON COLUMN pganalytics.collectors.token_sha256 IS
    'of its long-lived token; NULL: it has none, only a certificate';
COMMENT ON COLUMN pganalytics.collectors.tokens_valid_from IS
    'signed tokens issued before are refused';
COMMENT ON COLUMN pganalytics.collectors.registration_until IS
    'until then a v3 collector may register under this name, though it exists';
COMMENT ON COLUMN pganalytics.collectors.enabled IS
    'false: every request of this collector is refused with 403';
COMMENT ON COLUMN pganalytics.collectors.max_queries_per_db IS
    'limit of queries per database; NULL: that of pganalytics.max_queries_per_db';
GRANT SELECT (collector_id, name, enabled, max_queries_per_db, created_at) ON pganalytics.collectors
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT (name, token_sha256),
      UPDATE (token_sha256, enabled, tokens_valid_from, registration_until, max_queries_per_db),
      DELETE
    ON pganalytics.collectors TO pganalytics_admin;
GRANT SELECT (collector_id, name, token_sha256, enabled, tokens_valid_from, max_queries_per_db)
    ON pganalytics.collectors TO pganalytics_ingest;
GRANT SELECT (collector_id, name, enabled) ON pganalytics.collectors TO pganalytics_maintenance;

CREATE TABLE pganalytics.servers (
    server_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    collector_id uuid NOT NULL,
    name text NOT NULL,
    hostname text NOT NULL,
    server_version integer,
    collector_version text,
    first_seen timestamptz NOT NULL DEFAULT pg_catalog.now(),
    over_quota boolean NOT NULL DEFAULT false,
    UNIQUE (collector_id, name)
);
COMMENT ON TABLE pganalytics.servers IS
    'monitored PostgreSQL instances; a collector may monitor several';
COMMENT ON COLUMN pganalytics.servers.name IS
    'the name in the collector''s configuration; for v3 collectors, which send none, that of their host';
COMMENT ON COLUMN pganalytics.servers.server_version IS
    'server_version_num, NULL when the collector does not say';
COMMENT ON COLUMN pganalytics.servers.over_quota IS
    'stands for all servers of the collector beyond pganalytics.quota_servers, of which nothing is stored';
GRANT SELECT ON pganalytics.servers
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT DELETE ON pganalytics.servers TO pganalytics_admin;
GRANT SELECT (server_id, collector_id, name, hostname, server_version, collector_version, over_quota),
      INSERT (collector_id, name, hostname, server_version, collector_version, over_quota),
      UPDATE (hostname, server_version, collector_version)
    ON pganalytics.servers TO pganalytics_ingest;

CREATE TABLE pganalytics.databases (
    database_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    server_id integer NOT NULL,
    name text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (server_id, name)
);
COMMENT ON TABLE pganalytics.databases IS 'databases of the monitored instances';
GRANT SELECT ON pganalytics.databases
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT (database_id, server_id, name), INSERT (server_id, name) ON pganalytics.databases
    TO pganalytics_ingest;
