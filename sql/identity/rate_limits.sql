-- Who has asked how often, and who was told to wait.

CREATE FUNCTION pganalytics.rate_buckets(
    OUT kind text, OUT collector_id uuid, OUT client text, OUT allowed bigint, OUT refused bigint,
    OUT last_refused_at timestamptz, OUT exhausted boolean)
    RETURNS SETOF record
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_rate_buckets';
COMMENT ON FUNCTION pganalytics.rate_buckets() IS 'the rows of pganalytics.rate_limits, before collectors have names';
GRANT EXECUTE ON FUNCTION pganalytics.rate_buckets()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.rate_limits AS
    SELECT b.kind, coalesce(c.name, b.collector_id::text, b.client) AS client, b.allowed, b.refused,
           b.last_refused_at, b.exhausted
    FROM pganalytics.rate_buckets() b LEFT JOIN pganalytics.collectors c USING (collector_id);
COMMENT ON VIEW pganalytics.rate_limits IS 'clients that rate limits count; the longest unused give way to new ones, and a restart begins anew';
COMMENT ON COLUMN pganalytics.rate_limits.kind IS 'address: connections and requests of one IPv4 address or IPv6 /64; collector: requests of one collector; login: attempts of one role from one address; login role, login address: the same from anywhere, and for any role';
COMMENT ON COLUMN pganalytics.rate_limits.client IS 'whom the row is about; NULL for who is no administrator, except of collectors';
COMMENT ON COLUMN pganalytics.rate_limits.allowed IS 'requests or attempts that were let through';
COMMENT ON COLUMN pganalytics.rate_limits.refused IS 'requests or attempts that were told to wait';
COMMENT ON COLUMN pganalytics.rate_limits.exhausted IS 'whether the next one would be refused now';
GRANT SELECT ON pganalytics.rate_limits
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
