-- Which collectors and monitored servers there are, and how fresh their data is.

-- last_push and last_sample_at are read from the accounts of pushes through the index of each day:
-- the last push of each server, and the newest sample of the hour before it. (A collector that was
-- cut off sends what it has kept after newer samples.) They are NULL if retention has dropped the
-- last push.
CREATE VIEW pganalytics.server_status AS
    SELECT c.name AS collector, c.enabled, s.name AS server, s.hostname,
           CASE WHEN s.server_version >= 100000
                THEN s.server_version / 10000 || '.' || s.server_version % 10000 END AS server_version,
           s.collector_version, s.first_seen, p.received_at AS last_push,
           p.newest_sample_at AS last_sample_at,
           pg_catalog.now() - p.newest_sample_at AS data_age,
           s.server_id
    FROM pganalytics.servers s
    JOIN pganalytics.collectors c ON c.collector_id = s.collector_id
    LEFT JOIN LATERAL (
        SELECT newest.received_at,
               (SELECT pg_catalog.max(a.newest_sample_at) FROM pganalytics.push_accounts a
                WHERE a.server_id = s.server_id
                  AND a.received_at >= newest.received_at - interval '1 hour') AS newest_sample_at
        FROM (SELECT a.received_at FROM pganalytics.push_accounts a
              WHERE a.server_id = s.server_id
              ORDER BY a.received_at DESC LIMIT 1) newest
        OFFSET 0) p ON true;
COMMENT ON VIEW pganalytics.server_status IS
    'monitored servers: host, versions, last push and the age of their newest data';
COMMENT ON COLUMN pganalytics.server_status.server IS
    'the name in the collector''s configuration; for v3 collectors, which send none, that of their host';
COMMENT ON COLUMN pganalytics.server_status.server_version IS 'NULL when the collector does not say';
COMMENT ON COLUMN pganalytics.server_status.last_push IS 'NULL: longer ago than the retention of the ledger';
COMMENT ON COLUMN pganalytics.server_status.last_sample_at IS
    'when the newest data of the last hour of pushes was read, by the clock of the collector';
GRANT SELECT ON pganalytics.server_status
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.collector_status AS
    SELECT c.name AS collector, c.enabled, c.created_at, coalesce(s.servers, 0) AS servers,
           s.collector_version, s.last_push, s.last_sample_at,
           pg_catalog.now() - s.last_sample_at AS data_age, c.collector_id
    FROM pganalytics.collectors c
    LEFT JOIN (
        SELECT s.collector, pg_catalog.count(*) AS servers,
               (pg_catalog.array_agg(s.collector_version ORDER BY s.last_push DESC NULLS LAST))[1]
                   AS collector_version,
               pg_catalog.max(s.last_push) AS last_push,
               pg_catalog.max(s.last_sample_at) AS last_sample_at
        FROM pganalytics.server_status s
        GROUP BY s.collector) s ON s.collector = c.name;
COMMENT ON VIEW pganalytics.collector_status IS
    'collectors: their servers, version, last push and the age of the newest data of any of their servers';
COMMENT ON COLUMN pganalytics.collector_status.last_push IS
    'NULL: it has never pushed, or longer ago than the retention of the ledger';
GRANT SELECT ON pganalytics.collector_status
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
