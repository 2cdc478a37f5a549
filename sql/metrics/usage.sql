-- What collectors add to the tables that only grow. An ingest worker counts series and texts when it
-- adds them, because counting them for each push would take too long. Servers and databases are
-- counted when a new one comes.

-- One row for each server, so that it can be removed together with the server.
CREATE TABLE pganalytics.server_usage (
    server_id integer PRIMARY KEY,
    series bigint NOT NULL,
    text_day date NOT NULL,
    text_bytes bigint NOT NULL
);
COMMENT ON TABLE pganalytics.server_usage IS 'how much a server has of what is limited for its collector; pganalytics.collector_usage adds it up';
COMMENT ON COLUMN pganalytics.server_usage.series IS 'rows of query_series and metric_series';
COMMENT ON COLUMN pganalytics.server_usage.text_bytes IS 'new texts of queries on text_day (UTC)';
GRANT SELECT ON pganalytics.server_usage TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT, INSERT, UPDATE ON pganalytics.server_usage TO pganalytics_ingest;

-- quota() returns a setting. It returns NULL in a session that does not know the settings, because
-- the library is not loaded.
CREATE FUNCTION pganalytics.quota(setting text) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_size_bytes(nullif(current_setting(setting, true), ''))
$$;
COMMENT ON FUNCTION pganalytics.quota(text) IS 'the value of a setting that is a number or a size in bytes';
GRANT EXECUTE ON FUNCTION pganalytics.quota(text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.collector_usage AS
    SELECT c.name AS collector,
           s.servers, pganalytics.quota('pganalytics.quota_servers') AS max_servers,
           s.databases, pganalytics.quota('pganalytics.quota_databases') AS max_databases,
           s.series, pganalytics.quota('pganalytics.quota_series') AS max_series,
           s.text_bytes, pganalytics.quota('pganalytics.quota_texts') AS max_text_bytes
    FROM pganalytics.collectors c
    CROSS JOIN LATERAL (
        SELECT pg_catalog.count(*) FILTER (WHERE NOT v.over_quota) AS servers,
               coalesce(pg_catalog.max(d.databases), 0) AS databases,
               coalesce(pg_catalog.sum(u.series), 0)::bigint AS series,
               coalesce(pg_catalog.sum(u.text_bytes) FILTER (
                   WHERE u.text_day = (pg_catalog.now() AT TIME ZONE 'UTC')::date), 0)::bigint
                   AS text_bytes
        FROM pganalytics.servers v
        LEFT JOIN pganalytics.server_usage u ON u.server_id = v.server_id
        CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS databases
                            FROM pganalytics.databases b WHERE b.server_id = v.server_id) d
        WHERE v.collector_id = c.collector_id) s;
COMMENT ON VIEW pganalytics.collector_usage IS
    'what each collector has of servers, databases, series and new texts of the day, and how much it may have';
COMMENT ON COLUMN pganalytics.collector_usage.databases IS 'of the server that has most';
COMMENT ON COLUMN pganalytics.collector_usage.series IS 'of all its servers';
COMMENT ON COLUMN pganalytics.collector_usage.text_bytes IS 'texts of queries that were new since midnight (UTC)';
GRANT SELECT ON pganalytics.collector_usage
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
