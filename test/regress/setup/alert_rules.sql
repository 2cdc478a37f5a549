-- Included by the tests of rules, behind fleet.sql: what a rule finds, and what time it is.
SELECT pganalytics.make_partition(relation, (now() AT TIME ZONE 'UTC')::date - days) IS NOT NULL AS made
FROM pganalytics.partitioned_relations(), generate_series(1, 9) AS days GROUP BY 1;
-- at(n) is n seconds after noon (UTC) yesterday.
CREATE FUNCTION pg_temp.at(seconds float8 DEFAULT 0) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT ((now() AT TIME ZONE 'UTC')::date - 1 + time '12:00') AT TIME ZONE 'UTC'
           + make_interval(secs => seconds) $$;
-- evaluate() does to a rule what the worker does, and gives its alerts that are not resolved.
CREATE FUNCTION pg_temp.evaluate(rule text, at timestamptz DEFAULT pg_temp.at())
    RETURNS TABLE (state text, value float8, labels text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    found jsonb[];
    amounts float8[];
BEGIN
    SELECT coalesce(array_agg(f.labels), '{}'), coalesce(array_agg(f.value), '{}')
    INTO found, amounts
    FROM pganalytics.alert_rules r, pganalytics.run_rule(r.query, $2) f WHERE r.name = $1;
    PERFORM pganalytics.record_evaluation($1, $2, found, amounts, NULL, 0);
    RETURN QUERY
    SELECT a.state, a.value,
           (SELECT string_agg(l.key || '=' || l.value, ' ' ORDER BY l.key) FROM jsonb_each_text(a.labels) l
            WHERE l.key NOT IN ('alertname', 'severity'))
    FROM pganalytics.alerts a WHERE a.rule = $1 AND a.state <> 'resolved' ORDER BY 3;
END
$$;
-- tell() is what the audit log has to say: n rows, so many seconds after at(0).
CREATE SEQUENCE audit_rows START 1000000;
CREATE FUNCTION pg_temp.tell(event text, seconds float8, n int DEFAULT 1, actor text DEFAULT NULL,
                             address text DEFAULT NULL, type text DEFAULT NULL, id text DEFAULT NULL,
                             details jsonb DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
    WITH told AS (
        INSERT INTO pganalytics.audit_log (id, recorded_at, occurred_at, event, severity, source, outcome,
            actor, address, database, resource_type, resource_id, details, hash)
        SELECT nextval('audit_rows'), clock_timestamp(), pg_temp.at(seconds), event, 'WARN', 'api',
               'denied', actor, address, NULL, type, replace(id, '#', i::text), details, ''
        FROM generate_series(1, n) AS i
        RETURNING 1)
    SELECT count(*) FROM told $$;
