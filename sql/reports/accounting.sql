-- Accounts of all pushes. push_ledger has the counts of each push, push_accounts the same counts by
-- database. In every row, observed = stored + unchanged + merged + discarded. These views add the
-- counts up, check the equation, and find pushes that never came.

-- The sums in these views are numeric, so that no number from a sender can overflow them. Database
-- '' stands for rows that belong to no database.

-- If the library is not loaded, the session does not know the settings, and nothing is limited.
-- Then the functions return the defaults.
CREATE FUNCTION pganalytics.query_limit(max_queries_per_db integer) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max_queries_per_db,
                    nullif(current_setting('pganalytics.max_queries_per_db', true), '')::integer,
                    1000)
$$;
COMMENT ON FUNCTION pganalytics.query_limit(integer) IS
    'the limit of queries per database in force for a collector, given its own or NULL';
GRANT EXECUTE ON FUNCTION pganalytics.query_limit(integer)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_ingest;

CREATE FUNCTION pganalytics.query_limit_threshold() RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(nullif(current_setting('pganalytics.query_limit_alert_threshold', true), '')
                        ::double precision, 0.05)
$$;
COMMENT ON FUNCTION pganalytics.query_limit_threshold() IS
    'the share beyond the limit above which query_limit_exceeded names a database';
GRANT EXECUTE ON FUNCTION pganalytics.query_limit_threshold()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_ingest;

CREATE VIEW pganalytics.ingest_accounting AS
    SELECT c.name AS collector, v.name AS server, coalesce(b.name, '') AS database, a.hour,
           a.pushes, a.observed, a.stored, a.unchanged, a.merged, a.beyond_limit,
           a.discarded_too_old, a.discarded_in_future, a.discarded_too_large,
           a.discarded_over_quota, a.discarded,
           coalesce(a.discarded / nullif(a.observed, 0), 0)::double precision AS discard_rate
    FROM (SELECT p.server_id, p.database_id,
                 pg_catalog.date_trunc('hour', p.received_at, 'UTC') AS hour,
                 pg_catalog.count(*) AS pushes,
                 pg_catalog.sum(p.observed) AS observed,
                 pg_catalog.sum(p.stored) AS stored,
                 pg_catalog.sum(p.unchanged) AS unchanged,
                 pg_catalog.sum(p.merged) AS merged,
                 pg_catalog.sum(p.beyond_limit) AS beyond_limit,
                 pg_catalog.sum(p.discarded_too_old) AS discarded_too_old,
                 pg_catalog.sum(p.discarded_in_future) AS discarded_in_future,
                 pg_catalog.sum(p.discarded_too_large) AS discarded_too_large,
                 pg_catalog.sum(p.discarded_over_quota) AS discarded_over_quota,
                 pg_catalog.sum(p.discarded_too_old) + pg_catalog.sum(p.discarded_in_future)
                     + pg_catalog.sum(p.discarded_too_large)
                     + pg_catalog.sum(p.discarded_over_quota) AS discarded
          FROM pganalytics.push_accounts p
          GROUP BY p.server_id, p.database_id,
                   pg_catalog.date_trunc('hour', p.received_at, 'UTC')) a
    JOIN pganalytics.servers v ON v.server_id = a.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    LEFT JOIN pganalytics.databases b
           ON b.server_id = a.server_id AND b.database_id = a.database_id;
COMMENT ON VIEW pganalytics.ingest_accounting IS
    'what happened to the pushed rows, by collector, server, database and hour: observed = stored + unchanged + merged + discarded';
COMMENT ON COLUMN pganalytics.ingest_accounting.database IS 'empty: what belongs to no database; every push counts there';
COMMENT ON COLUMN pganalytics.ingest_accounting.hour IS 'beginning of the hour in which the push was stored';
COMMENT ON COLUMN pganalytics.ingest_accounting.unchanged IS 'read by the sender and the same as before, or stored already';
COMMENT ON COLUMN pganalytics.ingest_accounting.merged IS 'folded into another row, whose counters are the sums';
COMMENT ON COLUMN pganalytics.ingest_accounting.beyond_limit IS 'of the merged: because of max_queries_per_db';
COMMENT ON COLUMN pganalytics.ingest_accounting.discard_rate IS 'discarded / observed';
GRANT SELECT ON pganalytics.ingest_accounting
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- ingest_gaps lists the pushes that never came. A sender numbers its pushes from 1 in each epoch;
-- our collector's epoch is its start time in microseconds. A number is missing if it has not
-- arrived, but a higher one of the same epoch has.
CREATE VIEW pganalytics.ingest_gaps AS
    SELECT c.name AS collector, v.name AS server, g.epoch, g.from_sequence, g.to_sequence,
           -- A client can send any number, so bigint could overflow.
           g.to_sequence::numeric - g.from_sequence + 1 AS missing,
           g.received_after, g.received_before
    FROM (SELECT n.server_id, n.epoch, n.sequence - 1 AS to_sequence,
                 n.received_at AS received_before,
                 CASE WHEN n.previous IS NOT NULL THEN n.previous + 1 ELSE 1 END AS from_sequence,
                 CASE WHEN n.previous IS NOT NULL THEN n.previous_at
                      ELSE 'epoch'::timestamptz + n.epoch * interval '1 microsecond'
                 END AS received_after
          FROM (SELECT s.*,
                       pg_catalog.lag(s.sequence) OVER epoch_order AS previous,
                       pg_catalog.lag(s.received_at) OVER epoch_order AS previous_at
                FROM (SELECT l.server_id, l.epoch, l.sequence,
                             pg_catalog.min(l.received_at) AS received_at
                      FROM pganalytics.push_ledger l
                      WHERE l.epoch IS NOT NULL AND l.sequence IS NOT NULL
                      GROUP BY l.server_id, l.epoch, l.sequence) s
                WINDOW epoch_order AS (PARTITION BY s.server_id, s.epoch ORDER BY s.sequence)) n
          -- Numbers below the lowest one in the ledger may have arrived and expired. Report them
          -- only if the epoch began after the start of the ledger's oldest day. If the epoch is not
          -- a time, nobody knows when it began: do not report them. A client can send any epoch:
          -- the two bounds also keep the conversion of epoch to a time in range.
          WHERE CASE WHEN n.previous IS NOT NULL
                     THEN n.sequence - 1 > n.previous
                     ELSE n.sequence > 1
                      AND n.epoch >= (SELECT pg_catalog.date_part('epoch',
                                                 pg_catalog.min(p.starts_at)) * 1000000
                                      FROM pganalytics.partitions p
                                      WHERE p.relation = 'push_ledger')
                      AND n.epoch <= pg_catalog.date_part('epoch', n.received_at) * 1000000
                END) g
    JOIN pganalytics.servers v ON v.server_id = g.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id;
COMMENT ON VIEW pganalytics.ingest_gaps IS
    'pushes that never came: numbers missing between those that did, by server and epoch';
COMMENT ON COLUMN pganalytics.ingest_gaps.epoch IS 'the sender''s number of its start; for our collector its time in microseconds since 1970';
COMMENT ON COLUMN pganalytics.ingest_gaps.received_after IS 'when the push before the gap was stored, or when the epoch began';
COMMENT ON COLUMN pganalytics.ingest_gaps.received_before IS 'when the push behind the gap was stored';
GRANT SELECT ON pganalytics.ingest_gaps
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- For each push, accounting_violations adds the row in the ledger and subtracts the rows by
-- database. Every sum must be 0. It groups by received_at, too, so that a condition on received_at
-- can prune the days.
CREATE VIEW pganalytics.accounting_violations AS
    SELECT r.server_id, r.received_at, r.push_key,
           CASE WHEN pg_catalog.count(*) FILTER (WHERE r.sign = 1) <> 1
                THEN 'the accounts have no push in the ledger'
                WHEN pg_catalog.bool_or(NOT r.adds_up)
                THEN 'observed is not stored + unchanged + merged + discarded'
                ELSE 'the accounts by database do not add up to the push'
           END AS violation,
           pg_catalog.sum(r.observed) FILTER (WHERE r.sign = 1) AS observed,
           pg_catalog.sum(r.observed) FILTER (WHERE r.sign = -1) AS observed_by_database
    FROM (SELECT l.server_id, l.received_at, l.push_key, 1 AS sign, l.observed, l.stored,
                 l.unchanged, l.merged, l.discarded_too_old, l.discarded_in_future,
                 l.discarded_too_large, l.discarded_over_quota, true AS is_push,
                 l.observed::numeric = l.stored::numeric + l.unchanged + l.merged
                     + l.discarded_too_old + l.discarded_in_future + l.discarded_too_large
                     + l.discarded_over_quota
                     AS adds_up
          FROM pganalytics.push_ledger l
          UNION ALL
          SELECT a.server_id, a.received_at, a.push_key, -1, a.observed, a.stored, a.unchanged,
                 a.merged, a.discarded_too_old, a.discarded_in_future, a.discarded_too_large,
                 a.discarded_over_quota,
                 a.database_id = 0,
                 a.observed::numeric = a.stored::numeric + a.unchanged + a.merged
                     + a.discarded_too_old + a.discarded_in_future + a.discarded_too_large
                     + a.discarded_over_quota
                     AND a.beyond_limit <= a.merged AND a.beyond_limit <= a.queries
                     AND a.queries <= a.observed
          FROM pganalytics.push_accounts a) r
    GROUP BY r.server_id, r.received_at, r.push_key
    HAVING pg_catalog.bool_or(NOT r.adds_up)
        OR pg_catalog.sum(CASE WHEN r.is_push THEN r.sign ELSE 0 END) <> 0
        OR pg_catalog.sum(r.sign * r.observed) <> 0
        OR pg_catalog.sum(r.sign * r.stored) <> 0
        OR pg_catalog.sum(r.sign * r.unchanged) <> 0
        OR pg_catalog.sum(r.sign * r.merged) <> 0
        OR pg_catalog.sum(r.sign * r.discarded_too_old) <> 0
        OR pg_catalog.sum(r.sign * r.discarded_in_future) <> 0
        OR pg_catalog.sum(r.sign * r.discarded_too_large) <> 0
        OR pg_catalog.sum(r.sign * r.discarded_over_quota) <> 0;
COMMENT ON VIEW pganalytics.accounting_violations IS
    'pushes whose accounts do not add up, by themselves or by database; empty unless something is broken';
COMMENT ON COLUMN pganalytics.accounting_violations.observed IS 'of the ledger';
COMMENT ON COLUMN pganalytics.accounting_violations.observed_by_database IS 'the sum over the databases in push_accounts';
GRANT SELECT ON pganalytics.accounting_violations
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- The share is computed from all queries that the sender saw, including those that it did not send
-- because nothing had changed: the sender merges the queries beyond the limit in every sample,
-- changed or not.
CREATE VIEW pganalytics.query_limit_exceeded AS
    SELECT c.name AS collector, v.name AS server, b.name AS database,
           (h.beyond_limit / h.queries)::double precision AS share,
           pganalytics.query_limit_threshold() AS threshold,
           pganalytics.query_limit(c.max_queries_per_db) AS max_queries_per_db,
           h.queries AS queries_seen,
           h.queries - h.beyond_limit AS queries_kept,
           h.beyond_limit AS queries_merged,
           (SELECT first.received_at
            FROM pganalytics.push_accounts first
            WHERE first.server_id = h.server_id AND first.database_id = h.database_id
              AND first.beyond_limit > 0
              AND first.received_at > coalesce(
                  (SELECT last.received_at
                   FROM pganalytics.push_accounts last
                   WHERE last.server_id = h.server_id AND last.database_id = h.database_id
                     AND last.beyond_limit = 0 AND last.queries > 0
                     AND last.received_at < h.last_beyond
                   ORDER BY last.received_at DESC LIMIT 1), '-infinity')
            ORDER BY first.received_at LIMIT 1) AS since
    FROM (SELECT a.server_id, a.database_id, pg_catalog.sum(a.queries) AS queries,
                 pg_catalog.sum(a.beyond_limit) AS beyond_limit,
                 pg_catalog.max(a.received_at) FILTER (WHERE a.beyond_limit > 0) AS last_beyond
          FROM pganalytics.push_accounts a
          WHERE a.received_at > pg_catalog.now() - interval '1 hour'
          GROUP BY a.server_id, a.database_id
          HAVING pg_catalog.sum(a.beyond_limit) > 0) h
    JOIN pganalytics.servers v ON v.server_id = h.server_id
    JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
    JOIN pganalytics.databases b ON b.server_id = h.server_id AND b.database_id = h.database_id
    WHERE h.beyond_limit / h.queries > pganalytics.query_limit_threshold();
COMMENT ON VIEW pganalytics.query_limit_exceeded IS
    'databases of which a larger share of queries than query_limit_alert_threshold was beyond the limit in the last hour; their sums are in the series other';
COMMENT ON COLUMN pganalytics.query_limit_exceeded.share IS 'of the queries seen in all samples of the last hour, unchanged ones included: how many were beyond the limit';
COMMENT ON COLUMN pganalytics.query_limit_exceeded.max_queries_per_db IS 'the limit now in force here; the collector''s own may be lower';
COMMENT ON COLUMN pganalytics.query_limit_exceeded.queries_kept IS 'seen less merged; one of them in each sample is other';
COMMENT ON COLUMN pganalytics.query_limit_exceeded.since IS 'first push beyond the limit since the last one of this database that was not';
GRANT SELECT ON pganalytics.query_limit_exceeded
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- source_deallocations() returns how often pg_stat_statements of a server has evicted entries to
-- make room. If the counter fell, or the time of its reset has changed, it started again from zero.
CREATE FUNCTION pganalytics.source_deallocations(
        server_id integer, "from" timestamptz, "to" timestamptz) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH series AS (
        SELECT m.server_id, m.series_id FROM pganalytics.metric_series m
        WHERE m.server_id = source_deallocations.server_id
          AND m.relation = 'statements_info_samples'
    ), samples AS (
        SELECT s.series_id, i.sampled_at, coalesce(i.dealloc, 0) AS dealloc, i.stats_reset
        FROM series s
        CROSS JOIN LATERAL (
            (SELECT b.sampled_at, b.dealloc, b.stats_reset
             FROM pganalytics.statements_info_samples b
             WHERE b.server_id = s.server_id AND b.series_id = s.series_id
               AND b.sampled_at < "from"
             ORDER BY b.sampled_at DESC LIMIT 1)
            UNION ALL
            SELECT p.sampled_at, p.dealloc, p.stats_reset
            FROM pganalytics.statements_info_samples p
            WHERE p.server_id = s.server_id AND p.series_id = s.series_id
              AND p.sampled_at >= "from" AND p.sampled_at < "to") i
    )
    SELECT sum(CASE WHEN d.previous IS NULL THEN 0
                    WHEN d.dealloc < d.previous
                         OR d.stats_reset IS DISTINCT FROM d.previous_reset THEN d.dealloc
                    ELSE d.dealloc - d.previous END)
    FROM (SELECT s.*,
                 lag(s.dealloc) OVER by_time AS previous,
                 lag(s.stats_reset) OVER by_time AS previous_reset
          FROM samples s
          WINDOW by_time AS (PARTITION BY s.series_id ORDER BY s.sampled_at)) d
$$;
COMMENT ON FUNCTION pganalytics.source_deallocations(integer, timestamptz, timestamptz) IS
    'evictions that pg_stat_statements of a server has counted from sample to sample; NULL if it was never asked';
GRANT EXECUTE ON FUNCTION pganalytics.source_deallocations(integer, timestamptz, timestamptz)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.completeness(
        collector text, "from" timestamptz, "to" timestamptz)
    RETURNS TABLE (
        server text, database text, pushes bigint, missing_pushes numeric,
        observed numeric, kept numeric, discarded numeric, share double precision,
        source_deallocations numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    watched_by uuid;
BEGIN
    IF ("from" < "to") IS NOT TRUE THEN
        RAISE EXCEPTION 'a period must end after it begins'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    watched_by := pganalytics.collector_named(collector);
    RETURN QUERY
        WITH watched AS (
            SELECT v.server_id, v.name,
                   (SELECT coalesce(sum(g.missing), 0) FROM pganalytics.ingest_gaps g
                    WHERE g.collector = completeness.collector AND g.server = v.name
                      AND g.received_before >= "from" AND g.received_before < "to") AS missing
            FROM pganalytics.servers v
            WHERE v.collector_id = watched_by
        ), accounts AS (
            SELECT a.server_id, a.database_id,
                   CASE WHEN a.database_id IS NULL
                        THEN count(*) FILTER (WHERE a.is_push) ELSE count(*) END AS pushes,
                   sum(a.observed) AS observed,
                   sum(a.stored) + sum(a.unchanged) + sum(a.merged) AS kept,
                   sum(a.discarded_too_old) + sum(a.discarded_in_future)
                       + sum(a.discarded_too_large) + sum(a.discarded_over_quota) AS discarded
            FROM (SELECT p.*, p.database_id = 0 AS is_push FROM pganalytics.push_accounts p
                  WHERE p.received_at >= "from" AND p.received_at < "to"
                    AND p.server_id IN (SELECT w.server_id FROM watched w)) a
            GROUP BY GROUPING SETS ((a.server_id), (a.server_id, a.database_id))
        )
        SELECT w.name,
               CASE WHEN a.database_id IS NOT NULL THEN coalesce(b.name, '') END,
               coalesce(a.pushes, 0),
               CASE WHEN a.database_id IS NULL THEN w.missing END,
               coalesce(a.observed, 0), coalesce(a.kept, 0), coalesce(a.discarded, 0),
               (CASE WHEN a.observed > 0 THEN a.kept / a.observed ELSE 1 END
                * t.pushes / nullif(t.pushes + w.missing, 0))::double precision,
               CASE WHEN a.database_id IS NULL
                    THEN pganalytics.source_deallocations(w.server_id, "from", "to") END
        FROM watched w
        LEFT JOIN accounts a ON a.server_id = w.server_id
        LEFT JOIN accounts t ON t.server_id = w.server_id AND t.database_id IS NULL
        LEFT JOIN pganalytics.databases b
               ON b.server_id = a.server_id AND b.database_id = a.database_id
        ORDER BY w.name COLLATE "C", a.database_id IS NOT NULL, b.name COLLATE "C" NULLS FIRST;
END
$$;
COMMENT ON FUNCTION pganalytics.completeness(text, timestamptz, timestamptz) IS
    'how much of what a collector saw is here, of the pushes stored from "from" to before "to": a row for each server (database is NULL) and each of its databases';
GRANT EXECUTE ON FUNCTION pganalytics.completeness(text, timestamptz, timestamptz)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- metrics_health() returns the figures of GET /api/v1/metrics/health. A worker calls it every
-- second. It reads the last hour through the index of push_accounts. The worker has sequential
-- scans off, because their estimated cost would start the JIT compiler.
CREATE FUNCTION pganalytics.metrics_health(collector uuid) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
    WITH accounts AS MATERIALIZED (
        SELECT v.server_id, v.name AS server, a.database_id,
               count(*) AS pushes, max(a.received_at) AS last_push,
               sum(a.observed) AS received, sum(a.stored) AS stored,
               sum(a.unchanged) AS unchanged, sum(a.merged) AS merged,
               sum(a.discarded_too_old) AS too_old, sum(a.discarded_in_future) AS in_future,
               sum(a.discarded_too_large) AS too_large,
               sum(a.discarded_over_quota) AS over_quota,
               sum(a.queries) AS queries, sum(a.beyond_limit) AS beyond_limit,
               min(a.received_at) FILTER (WHERE a.beyond_limit > 0) AS limited_since,
               min(a.received_at) FILTER (
                   WHERE a.discarded_too_old + a.discarded_in_future + a.discarded_too_large
                         + a.discarded_over_quota > 0)
                   AS discarding_since,
               bool_and(a.observed = a.stored + a.unchanged + a.merged + a.discarded_too_old
                                     + a.discarded_in_future + a.discarded_too_large
                                     + a.discarded_over_quota) AS adds_up
        FROM pganalytics.servers v
        JOIN pganalytics.push_accounts a ON a.server_id = v.server_id
        WHERE v.collector_id = metrics_health.collector
          AND a.received_at > now() - interval '1 hour' AND a.received_at <= now()
        GROUP BY v.server_id, v.name, a.database_id
    ), figures AS (
        SELECT s.server_id, s.server, s.database_id, grouping(s.server_id, s.database_id) AS level,
               json_build_object(
                   'pushes', coalesce(CASE WHEN grouping(s.database_id) = 0 THEN sum(s.pushes)
                                      ELSE sum(s.pushes) FILTER (WHERE s.database_id = 0) END, 0),
                   'last_push', max(s.last_push),
                   'received', coalesce(sum(s.received), 0),
                   'stored', coalesce(sum(s.stored), 0),
                   'unchanged', coalesce(sum(s.unchanged), 0),
                   'merged', coalesce(sum(s.merged), 0),
                   'discarded', json_build_object(
                       'too_old', coalesce(sum(s.too_old), 0),
                       'in_future', coalesce(sum(s.in_future), 0),
                       'too_large', coalesce(sum(s.too_large), 0),
                       'over_quota', coalesce(sum(s.over_quota), 0)),
                   'discard_rate', coalesce((sum(s.too_old) + sum(s.in_future) + sum(s.too_large)
                                             + sum(s.over_quota))
                                            / nullif(sum(s.received), 0), 0)::double precision,
                   'discarding_since', min(s.discarding_since),
                   'queries', coalesce(sum(s.queries), 0),
                   'beyond_limit', coalesce(sum(s.beyond_limit), 0),
                   'beyond_limit_share', coalesce(sum(s.beyond_limit) / nullif(sum(s.queries), 0),
                                                  0)::double precision,
                   'beyond_limit_since', min(s.limited_since),
                   'adds_up', coalesce(bool_and(s.adds_up), true)) AS document
        FROM accounts s
        GROUP BY GROUPING SETS ((), (s.server_id, s.server),
                                (s.server_id, s.server, s.database_id))
    )
    SELECT json_build_object(
        'collector_id', c.collector_id,
        'collector', c.name,
        'from', now() - interval '1 hour',
        'to', now(),
        'max_queries_per_db', pganalytics.query_limit(c.max_queries_per_db),
        'query_limit_alert_threshold', pganalytics.query_limit_threshold(),
        'last_push', (
            SELECT max(newest.received_at) FROM pganalytics.servers v
            CROSS JOIN LATERAL (
                SELECT a.received_at FROM pganalytics.push_accounts a
                WHERE a.server_id = v.server_id
                ORDER BY a.received_at DESC LIMIT 1) newest
            WHERE v.collector_id = c.collector_id),
        'total', (SELECT t.document FROM figures t WHERE t.level = 3),
        'servers', (
            SELECT coalesce(json_agg(json_build_object(
                'server', f.server, 'total', f.document,
                'databases', (
                    SELECT json_agg(json_build_object('database', coalesce(b.name, ''),
                                                      'total', d.document)
                                    ORDER BY b.name COLLATE "C" NULLS FIRST)
                    FROM figures d
                    LEFT JOIN pganalytics.databases b ON b.database_id = d.database_id
                    WHERE d.server_id = f.server_id AND d.level = 0))
                ORDER BY f.server COLLATE "C"), '[]')
            FROM figures f WHERE f.level = 1))
    FROM pganalytics.collectors c
    WHERE c.collector_id = metrics_health.collector
$$;
COMMENT ON FUNCTION pganalytics.metrics_health(uuid) IS
    'what happened to the pushes of a collector in the last hour: the document of GET /api/v1/metrics/health';
GRANT EXECUTE ON FUNCTION pganalytics.metrics_health(uuid)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_ingest;
