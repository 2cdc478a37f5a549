-- The built-in rules about monitored servers. A rule uses a sample only for some minutes: when
-- samples stop, its alerts end, and collector_silent fires. The condition on sampled_at prunes
-- partitions, and each series is looked up through an index, so no query reads a whole day.

-- watched_series() bounds what a rule costs: a collector with any number of series cannot keep a
-- rule from its time limit, and so blind it for all others. alert_rule_truncated says when series
-- are left out; which ones is not defined.
CREATE FUNCTION pganalytics.watched_series(relation text)
    RETURNS TABLE (server_id integer, series_id integer, collector text, server text, database text,
                   labels text[])
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.server_id, s.series_id, c.name, s.server, s.database, s.labels
    FROM pganalytics.collectors c
    CROSS JOIN LATERAL (
        SELECT m.server_id, m.series_id, v.name AS server, b.name AS database, m.labels
        FROM pganalytics.servers v
        JOIN pganalytics.metric_series m ON m.server_id = v.server_id
        LEFT JOIN pganalytics.databases b
               ON b.server_id = m.server_id AND b.database_id = m.database_id
        WHERE v.collector_id = c.collector_id AND m.relation = watched_series.relation
        LIMIT 20000) AS s
$$;
COMMENT ON FUNCTION pganalytics.watched_series(text) IS
    'the series of a relation of samples for alert rules: pganalytics.series_names, at most 20000 of a collector';
GRANT EXECUTE ON FUNCTION pganalytics.watched_series(text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, pending_for,
    annotations, query) VALUES
(true, 'disk_watermark', 'warning', '>', 90, '2 min',
 '{"summary": "{{ $labels.mount }} {{ $labels.device }} of {{ $labels.collector }} is {{ $value }} % full",
   "description": "A file system of a host on which a collector runs."}',
$$SELECT n.collector, n.server, nullif(n.labels[1], '') AS device, nullif(n.labels[2], '') AS mount,
       round(s.percent_used::numeric, 2) AS value
FROM pganalytics.watched_series('filesystem_samples') n
CROSS JOIN LATERAL (
    SELECT f.percent_used FROM pganalytics.filesystem_samples f
    WHERE f.server_id = n.server_id AND f.series_id = n.series_id
      AND f.sampled_at > pganalytics.evaluation_time() - interval '10 minutes'
      AND f.sampled_at <= pganalytics.evaluation_time()
    ORDER BY f.sampled_at DESC LIMIT 1) s
WHERE s.percent_used IS NOT NULL$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, pending_for,
    annotations, query) VALUES
(true, 'replication_lag', 'warning', '>', 60, '2 min',
 '{"summary": "{{ $labels.application_name }} {{ $labels.client_addr }} is {{ $value }} s behind {{ $labels.server }}",
   "description": "What was committed so long ago is not yet seen on this standby: pganalytics.replication_status."}',
$$-- Two standbys with one name and address share a series; the slower one counts.
SELECT n.collector, n.server, nullif(n.labels[1], '') AS application_name,
       nullif(n.labels[2], '') AS client_addr, round((s.lag_ms / 1000)::numeric, 3) AS value
FROM pganalytics.watched_series('replication_samples') n
CROSS JOIN LATERAL (
    SELECT max(newest.replay_lag_ms) AS lag_ms
    FROM (SELECT r.replay_lag_ms FROM pganalytics.replication_samples r
          WHERE r.server_id = n.server_id AND r.series_id = n.series_id
            AND r.sampled_at > pganalytics.evaluation_time() - interval '5 minutes'
            AND r.sampled_at <= pganalytics.evaluation_time()
          ORDER BY r.sampled_at DESC FETCH FIRST 1 ROW WITH TIES) newest) s
WHERE s.lag_ms IS NOT NULL$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, pending_for,
    annotations, query) VALUES
(true, 'replication_slot_retention', 'warning', '>', 10737418240, '2 min',
 '{"summary": "slot {{ $labels.slot_name }} of {{ $labels.server }} holds back {{ $value }} bytes of WAL",
   "description": "Nobody reads it, or not fast enough; it fills the disk: pganalytics.replication_slots."}',
$$SELECT n.collector, n.server, nullif(n.labels[1], '') AS slot_name,
       coalesce(s.bytes_retained, s.wal_retained_mb * 1048576) AS value
FROM pganalytics.watched_series('replication_slot_samples') n
CROSS JOIN LATERAL (
    SELECT r.bytes_retained, r.wal_retained_mb FROM pganalytics.replication_slot_samples r
    WHERE r.server_id = n.server_id AND r.series_id = n.series_id
      AND r.sampled_at > pganalytics.evaluation_time() - interval '5 minutes'
      AND r.sampled_at <= pganalytics.evaluation_time()
    ORDER BY r.sampled_at DESC LIMIT 1) s
WHERE (s.bytes_retained IS NOT NULL OR s.wal_retained_mb IS NOT NULL)$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, evaluate_every,
    annotations, query) VALUES
(true, 'wraparound_risk', 'critical', '<', 1000000000, '5 min',
 '{"summary": "{{ $labels.database }} on {{ $labels.server }}: {{ $value }} transactions until wraparound",
   "description": "Below three million PostgreSQL takes no more writes. Something keeps VACUUM from freezing: a long transaction, a prepared one, a slot, or autovacuum is off."}',
$$SELECT n.collector, n.server, nullif(n.labels[1], '') AS database, s.xid_until_wraparound AS value
FROM pganalytics.watched_series('wraparound_samples') n
CROSS JOIN LATERAL (
    SELECT w.xid_until_wraparound FROM pganalytics.wraparound_samples w
    WHERE w.server_id = n.server_id AND w.series_id = n.series_id
      AND w.sampled_at > pganalytics.evaluation_time() - interval '15 minutes'
      AND w.sampled_at <= pganalytics.evaluation_time()
    ORDER BY w.sampled_at DESC LIMIT 1) s
WHERE s.xid_until_wraparound IS NOT NULL$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, annotations, query)
VALUES (true, 'lock_wait_long', 'warning', '>', 60,
 '{"summary": "a session of {{ $labels.database }} on {{ $labels.server }} has waited {{ $value }} s for a lock",
   "description": "The longest wait of the last three minutes. Who waits for whom: pganalytics.lock_waits."}',
$$-- One alert per database, not per process: a hundred processes may wait for one lock.
SELECT n.collector, n.server, n.database, round(max(s.wait_time_seconds)::numeric, 3) AS value
FROM pganalytics.series_names n
JOIN pganalytics.lock_wait_samples s ON s.server_id = n.server_id AND s.series_id = n.series_id
WHERE n.relation = 'lock_wait_samples' AND s.wait_time_seconds IS NOT NULL
  AND s.sampled_at > pganalytics.evaluation_time() - interval '3 minutes'
  AND s.sampled_at <= pganalytics.evaluation_time()
GROUP BY 1, 2, 3$$);

INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, annotations, query)
VALUES (true, 'idle_transaction_long', 'warning', '>', 600,
 '{"summary": "a transaction of {{ $labels.database }} on {{ $labels.server }} has been idle for {{ $value }} s",
   "description": "The longest of the last three minutes. It keeps its locks and holds up VACUUM: pganalytics.long_transactions."}',
$$-- Each connection of a collector sees the sessions of all databases: take the session's own database.
SELECT n.collector, n.server, coalesce(s.datname, n.database) AS database,
       round(max(s.duration_seconds)::numeric, 3) AS value
FROM pganalytics.series_names n
JOIN pganalytics.idle_transaction_samples s
     ON s.server_id = n.server_id AND s.series_id = n.series_id
WHERE n.relation = 'idle_transaction_samples' AND s.duration_seconds IS NOT NULL
  AND s.sampled_at > pganalytics.evaluation_time() - interval '3 minutes'
  AND s.sampled_at <= pganalytics.evaluation_time()
GROUP BY 1, 2, 3$$);

-- This is the only rule that reads every query, so it runs rarely and has a longer time limit.
-- OFFSET 0 makes PostgreSQL read the last hour first, and then the week before only for queries
-- that did much in this hour.
INSERT INTO pganalytics.alert_rules (builtin, name, severity, comparison, threshold, evaluate_every,
    time_limit, annotations, query) VALUES
(true, 'query_mean_doubled', 'warning', '>=', 2, '15 min', '30 s',
 '{"summary": "query {{ $labels.queryid }} of {{ $labels.database }} on {{ $labels.server }} takes {{ $value }} times as long as a week ago",
   "description": "Mean time of the last hour against that of the same hour of last week: another plan, more data, or less memory for it. Its text: pganalytics.queries; its course: pganalytics.query_activity()."}',
$$-- Compares queries with at least 100 calls in each of the two hours and 10 s of execution in the last. If the counters
-- were reset within either hour, the query is left out.
SELECT c.name AS collector, v.name AS server, b.name AS database,
       nullif(d.username, '') AS username, d.queryid,
       round((d.mean / w.mean)::numeric, 3) AS value
FROM (SELECT s.server_id, s.series_id, s.database_id, s.username, s.queryid,
             (n.total - o.total) / (n.calls - o.calls) AS mean
      FROM pganalytics.query_series s
      CROSS JOIN LATERAL (
          SELECT q.calls, coalesce(q.total_exec_time, 0) AS total
          FROM pganalytics.query_samples q
          WHERE q.server_id = s.server_id AND q.series_id = s.series_id
            AND q.sampled_at > pganalytics.evaluation_time() - interval '1 hour'
            AND q.sampled_at <= pganalytics.evaluation_time()
          ORDER BY q.sampled_at DESC LIMIT 1) n
      CROSS JOIN LATERAL (
          SELECT q.sampled_at, coalesce(q.calls, 0) AS calls, coalesce(q.total_exec_time, 0) AS total
          FROM pganalytics.query_samples q
          WHERE q.server_id = s.server_id AND q.series_id = s.series_id
            AND q.sampled_at > pganalytics.evaluation_time() - interval '1 day 1 hour'
            AND q.sampled_at <= pganalytics.evaluation_time() - interval '1 hour'
          ORDER BY q.sampled_at DESC LIMIT 1) o
      WHERE s.last_seen > pganalytics.evaluation_time() - interval '2 hours'
        AND s.first_seen < pganalytics.evaluation_time() - interval '7 days'
        AND (s.reset_at IS NULL OR s.reset_at <= o.sampled_at)
        AND NOT (s.queryid = 0 AND s.username = '')
        AND n.calls >= o.calls + 100 AND n.total >= o.total + 10000
      OFFSET 0) d
CROSS JOIN LATERAL (
    SELECT (n.total - o.total) / (n.calls - o.calls) AS mean
    FROM (SELECT q.calls, coalesce(q.total_exec_time, 0) AS total
          FROM pganalytics.query_samples q
          WHERE q.server_id = d.server_id AND q.series_id = d.series_id
            AND q.sampled_at > pganalytics.evaluation_time() - interval '7 days 1 hour'
            AND q.sampled_at <= pganalytics.evaluation_time() - interval '7 days'
          ORDER BY q.sampled_at DESC LIMIT 1) n
    CROSS JOIN (
          SELECT coalesce(q.calls, 0) AS calls, coalesce(q.total_exec_time, 0) AS total
          FROM pganalytics.query_samples q
          WHERE q.server_id = d.server_id AND q.series_id = d.series_id
            AND q.sampled_at > pganalytics.evaluation_time() - interval '8 days 1 hour'
            AND q.sampled_at <= pganalytics.evaluation_time() - interval '7 days 1 hour'
          ORDER BY q.sampled_at DESC LIMIT 1) o
    WHERE n.calls >= o.calls + 100 AND n.total >= o.total
    OFFSET 0) w
JOIN pganalytics.servers v ON v.server_id = d.server_id
JOIN pganalytics.collectors c ON c.collector_id = v.collector_id
JOIN pganalytics.databases b ON b.server_id = d.server_id AND b.database_id = d.database_id
WHERE w.mean > 0 AND d.mean > w.mean$$);
