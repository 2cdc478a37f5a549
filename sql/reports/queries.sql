-- Reports on query statistics. The samples hold cumulative counters. The activity between two times
-- is the difference of two samples, unless the counters were reset in between. The reports leave
-- out min, max and stddev, whose differences mean nothing. The mean is that of the interval.

-- sql/install_script.awk replaces a line that begins with {calls..rows} by one line for each column
-- of the metric catalog from calls to rows, with the column's name and type.

CREATE VIEW pganalytics.queries AS
    SELECT s.server_id, s.series_id, c.name AS collector, v.name AS server, b.name AS database,
           s.username, s.queryid, s.toplevel,
           CASE WHEN s.queryid = 0 AND s.username = '' THEN '(other queries beyond the limit)'
                ELSE t.text END AS query,
           s.text_state
    FROM pganalytics.query_series s
    JOIN pganalytics.servers v ON v.server_id = s.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    JOIN pganalytics.databases b ON b.server_id = s.server_id AND b.database_id = s.database_id
    LEFT JOIN pganalytics.query_texts t ON t.text_id = s.text_id;
COMMENT ON VIEW pganalytics.queries IS 'each series of query statistics with its names and its text';
GRANT SELECT ON pganalytics.queries
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.query_stats AS
    SELECT s.collector, s.server, s.database, s.username, s.queryid, s.toplevel, s.query,
           q.server_id, q.series_id, q.sampled_at, coalesce(q.rebased, false) AS rebased,
           {calls..max_exec_time} coalesce(q.{name}, 0) AS {name},
           coalesce(q.mean_exec_time, q.total_exec_time / nullif(q.calls, 0), 0) AS mean_exec_time,
           {stddev_exec_time..} coalesce(q.{name}, 0) AS {name}
    FROM pganalytics.query_samples q
    JOIN pganalytics.queries s ON s.server_id = q.server_id AND s.series_id = q.series_id;
COMMENT ON VIEW pganalytics.query_stats IS
    'samples of query statistics with names and texts: cumulative counters, times in milliseconds';
GRANT SELECT ON pganalytics.query_stats
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- query_deltas() does the work of both reports below. It returns pairs of samples of one series
-- with the differences of their counters, for the samples after "from", up to and including "to".
--   If each_interval is true, each sample is paired with the one before it; the first pair starts
--   at the last sample at or before "from".
--   If each_interval is false, one pair covers the whole period. But if the counters of the series
--   were reset in the period, each sample is paired as above.
-- Old collectors can take two samples within a second, but send times in whole seconds. So samples
-- of the same time are ordered by calls.
CREATE FUNCTION pganalytics.query_deltas(
        "from" timestamptz, "to" timestamptz, each_interval boolean)
    RETURNS TABLE (
        server_id integer, series_id integer, interval_start timestamptz, interval_end timestamptz,
        reset boolean,
        {calls..total_plan_time} {name} {type},
        {shared_blks_hit..} {name} {type}
    )
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH series AS (
        SELECT s.server_id, s.series_id, s.reset_at,
               s.queryid = 0 AND s.username = '' AS is_other, newest.sample AS newest, base.sample AS base,
               -- `opening` is the sample before the first difference: the last one at or before
               -- "from", else the oldest one, whose value is history. It is NULL if the collector
               -- saw the series begin with the oldest sample: then all of its value is new.
               -- first_seen shows if the oldest sample is the first, or older ones were dropped.
               CASE WHEN (base.sample).sampled_at IS NOT NULL THEN base.sample
                    WHEN s.from_zero AND (oldest.sample).rebased IS NOT TRUE
                         AND (oldest.sample).sampled_at <= s.first_seen THEN NULL
                    ELSE oldest.sample END AS opening
        FROM pganalytics.query_series s
        CROSS JOIN LATERAL (
            SELECT q AS sample FROM pganalytics.query_samples q
            WHERE q.server_id = s.server_id AND q.series_id = s.series_id
              AND q.sampled_at > "from" AND q.sampled_at <= "to"
            ORDER BY q.sampled_at DESC, q.calls DESC NULLS LAST LIMIT 1) newest
        LEFT JOIN LATERAL (
            SELECT q AS sample FROM pganalytics.query_samples q
            WHERE q.server_id = s.server_id AND q.series_id = s.series_id
              AND q.sampled_at <= "from"
            ORDER BY q.sampled_at DESC, q.calls DESC NULLS LAST LIMIT 1) base ON true
        LEFT JOIN LATERAL (
            SELECT q AS sample FROM pganalytics.query_samples q
            WHERE (base.sample).sampled_at IS NULL
              AND q.server_id = s.server_id AND q.series_id = s.series_id
              AND q.sampled_at > "from" AND q.sampled_at <= "to"
            ORDER BY q.sampled_at, q.calls NULLS FIRST LIMIT 1) oldest ON true
        WHERE s.last_seen >= "from" - interval '1 hour'
    ), ways AS (
        -- If no counter fell, `opening` and `newest` are enough; each is one read through an index.
        -- Read the series in full if a counter fell between them. Do so, too, if reset_at is after
        -- "from": reset_at names only the last reset or base, and there may be another before it.
        SELECT s.*,
               each_interval OR coalesce(s.reset_at > "from", false)
               OR coalesce((s.newest).calls, 0) < coalesce((s.opening).calls, 0)
               OR coalesce((s.newest).rows, 0) < coalesce((s.opening).rows, 0)
               OR coalesce((s.newest).total_exec_time, 0)
                  < coalesce((s.opening).total_exec_time, 0) AS in_full
        FROM series s
    ), pairs AS (
        SELECT (w.newest).*, w.reset_at, w.is_other, w.newest AS itself, w.opening AS earlier
        FROM ways w
        WHERE NOT w.in_full
        UNION ALL
        SELECT n.*
        FROM ways w
        CROSS JOIN LATERAL (
            SELECT x.*, w.reset_at, w.is_other, ROW(x.*)::pganalytics.query_samples AS itself,
                   lag(ROW(x.*)::pganalytics.query_samples)
                       OVER (ORDER BY x.sampled_at, x.calls NULLS FIRST) AS earlier
            FROM (SELECT (w.base).* WHERE (w.base).sampled_at IS NOT NULL
                  UNION ALL
                  SELECT q.* FROM pganalytics.query_samples q
                  WHERE q.server_id = w.server_id AND q.series_id = w.series_id
                    AND q.sampled_at > "from" AND q.sampled_at <= "to") x) n
        WHERE w.in_full
          AND ((n.earlier).sampled_at IS NOT NULL OR (w.opening).sampled_at IS NULL)
    ), judged AS (
        -- A base (rebased): from this sample on, the source counts something else in the series.
        -- `reported`: the source reported a reset. Counters that have risen past their old values
        -- since a reset do not show it themselves.
        SELECT p.*, coalesce(p.rebased, false) AS is_base,
               coalesce(p.calls, 0) < coalesce((p.earlier).calls, 0)
               OR coalesce(p.rows, 0) < coalesce((p.earlier).rows, 0)
               OR coalesce(p.total_exec_time, 0) < coalesce((p.earlier).total_exec_time, 0) AS fell,
               coalesce(p.sampled_at = p.reset_at
                        AND p.sampled_at > (p.earlier).sampled_at, false) AS reported
        FROM pairs p OFFSET 0
    ), bases AS (
        -- `base` is the sample to subtract: the sample before, if the counters continued.
        -- After a reset it is NULL: counters start from zero, so all of their value is new.
        -- For a base it is the sample itself: its value does not belong to the interval before it.
        -- is_other is the sum of the queries beyond the limit. It can fall without a reset, because
        -- a gateway adds up the queries that are beyond the limit at that time. Then `base` is the
        -- sample itself, too: the fall counts as no activity.
        SELECT j.*, (j.fell OR j.reported) AND NOT (j.is_base OR j.is_other) AS reset,
               CASE WHEN j.is_base OR j.is_other AND j.fell THEN j.itself
                    WHEN j.is_other OR NOT (j.fell OR j.reported) THEN j.earlier END AS base
        FROM judged j OFFSET 0
    )
    SELECT p.server_id, p.series_id, (p.earlier).sampled_at, p.sampled_at, p.reset,
           {calls..total_plan_time} coalesce(p.{name}, 0) - coalesce((p.base).{name}, 0),
           {shared_blks_hit..} coalesce(p.{name}, 0) - coalesce((p.base).{name}, 0)
    FROM bases p
$$;
COMMENT ON FUNCTION pganalytics.query_deltas(timestamptz, timestamptz, boolean) IS
    'differences of counters for query_activity() and top_queries(), which add the names';
GRANT EXECUTE ON FUNCTION pganalytics.query_deltas(timestamptz, timestamptz, boolean)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.query_activity("from" timestamptz, "to" timestamptz)
    RETURNS TABLE (
        collector text, server text, database text, username text, queryid bigint,
        toplevel boolean, query text,
        interval_start timestamptz, interval_end timestamptz, reset boolean,
        {calls..total_plan_time} {name} {type},
        mean_exec_time double precision,
        {shared_blks_hit..} {name} {type}
    )
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.collector, s.server, s.database, s.username, s.queryid, s.toplevel, s.query,
           d.interval_start, d.interval_end, d.reset,
           {calls..total_plan_time} d.{name},
           coalesce(d.total_exec_time / nullif(d.calls, 0), 0),
           {shared_blks_hit..} d.{name}
    FROM pganalytics.query_deltas("from", "to", true) d
    JOIN pganalytics.queries s ON s.server_id = d.server_id AND s.series_id = d.series_id
$$;
COMMENT ON FUNCTION pganalytics.query_activity(timestamptz, timestamptz) IS
    'what each query did from sample to sample, in intervals that end after "from" and not after "to"';
GRANT EXECUTE ON FUNCTION pganalytics.query_activity(timestamptz, timestamptz)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.top_queries_between(
        "from" timestamptz, "to" timestamptz, max_rows integer DEFAULT 20,
        order_by text DEFAULT 'total_exec_time')
    RETURNS TABLE (
        collector text, server text, database text, username text, queryid bigint,
        toplevel boolean, query text,
        {calls..total_plan_time} {name} {type},
        mean_exec_time double precision,
        {shared_blks_hit..} {name} {type}
    )
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    orders CONSTANT text[] := ARRAY[
        'total_exec_time', 'mean_exec_time',
        {calls..rows} '{name}',
        'total_plan_time',
        {shared_blks_hit..} '{name}'
    ];
BEGIN
    IF ("from" < "to") IS NOT TRUE THEN
        RAISE EXCEPTION 'a period must end after it begins'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (max_rows > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'max_rows must be positive' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (order_by = ANY (orders)) IS NOT TRUE THEN
        RAISE EXCEPTION 'cannot order by %', coalesce(quote_literal(order_by), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Use one of %s.', array_to_string(orders, ', '));
    END IF;
    RETURN QUERY EXECUTE format($query$
        WITH totals AS (
            SELECT d.server_id, d.series_id,
                   coalesce(sum(d.total_exec_time) / nullif(sum(d.calls), 0), 0) AS mean_exec_time,
                   {calls..total_plan_time} sum(d.{name})::{type} AS {name},
                   {shared_blks_hit..} sum(d.{name})::{type} AS {name}
            FROM pganalytics.query_deltas($1, $2, false) d
            GROUP BY d.server_id, d.series_id
            HAVING sum(d.calls) > 0 OR sum(d.plans) > 0
        ), top AS (
            SELECT * FROM totals ORDER BY %1$I DESC, server_id, series_id LIMIT $3
        )
        SELECT s.collector, s.server, s.database, s.username, s.queryid, s.toplevel, s.query,
               {calls..total_plan_time} t.{name},
               t.mean_exec_time,
               {shared_blks_hit..} t.{name}
        FROM top t
        JOIN pganalytics.queries s ON s.server_id = t.server_id AND s.series_id = t.series_id
        ORDER BY t.%1$I DESC, t.server_id, t.series_id
    $query$, order_by) USING "from", "to", max_rows;
END
$$;
COMMENT ON FUNCTION pganalytics.top_queries_between(timestamptz, timestamptz, integer, text) IS
    'the queries that did most in a period, by any of their counters';
GRANT EXECUTE ON FUNCTION pganalytics.top_queries_between(timestamptz, timestamptz, integer, text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.top_queries(
        period interval DEFAULT '1 hour', max_rows integer DEFAULT 20,
        order_by text DEFAULT 'total_exec_time')
    RETURNS TABLE (
        collector text, server text, database text, username text, queryid bigint,
        toplevel boolean, query text,
        {calls..total_plan_time} {name} {type},
        mean_exec_time double precision,
        {shared_blks_hit..} {name} {type}
    )
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM pganalytics.top_queries_between(now() - period, now(), max_rows, order_by)
$$;
COMMENT ON FUNCTION pganalytics.top_queries(interval, integer, text) IS
    'the queries that did most in the period up to now, by any of their counters';
GRANT EXECUTE ON FUNCTION pganalytics.top_queries(interval, integer, text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
