-- The data that alert rules read, as twenty collectors leave it: a server with 1,000 queries each,
-- pushes each minute for eight days, samples of queries every twenty minutes on the days that rules
-- look at, the other metrics each minute of today, and 500,000 rows of the audit log over thirty
-- days.
SELECT count(pganalytics.make_partition(relation, (now() AT TIME ZONE 'UTC')::date - day))
FROM pganalytics.partitioned_relations(), generate_series(0, 9) AS day;
SELECT pganalytics.make_audit_partition((now() - make_interval(days => day))::date)
FROM generate_series(0, 31, 10) AS day;

INSERT INTO pganalytics.collectors (name, token_sha256)
SELECT 'watched-' || n, sha256(n::text::bytea) FROM generate_series(1, 20) AS n;
INSERT INTO pganalytics.servers (collector_id, name, hostname, first_seen)
SELECT collector_id, 'main', name, now() - interval '30 days' FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (server_id, name) SELECT server_id, 'shop' FROM pganalytics.servers;
INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, first_seen,
    last_seen, from_zero)
SELECT b.server_id, b.database_id, 'app', q, true, now() - interval '30 days', now(), false
FROM pganalytics.databases b, generate_series(1, 1000) AS q;
-- The first query of a server runs 2,000 times a minute, the n-th a n-th as often. A call takes 10
-- ms, but this week 21 ms in every tenth query.
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, rows, total_exec_time,
    min_exec_time, max_exec_time, mean_exec_time, stddev_exec_time, shared_blks_hit, shared_blks_read)
SELECT s.server_id, s.series_id, t.at, n.calls, n.calls * 3, n.calls * n.mean, 1, 50, n.mean, 2,
       n.calls * 9, n.calls
FROM (SELECT now() - make_interval(days => day, mins => 20 * turn) AS at, 10000 - day * 72 - turn AS number,
             day
      FROM unnest(ARRAY[8, 7, 1, 0]) AS day, generate_series(71, 0, -1) AS turn ORDER BY 1) t
CROSS JOIN pganalytics.query_series s
CROSS JOIN LATERAL (SELECT t.number * ceil(40000.0 / s.queryid)::bigint AS calls,
                           CASE WHEN s.queryid % 10 = 0 AND t.day < 7 THEN 21 ELSE 10 END AS mean) n;

WITH pushes AS (
    SELECT now() - make_interval(mins => minute) AS at, v.server_id, v.collector_id, gen_random_uuid() AS key
    FROM generate_series(8 * 1440, 0, -1) AS minute, pganalytics.servers v
), accounts AS (
    INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed,
        stored, unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future,
        discarded_too_large, queries)
    SELECT p.at, p.server_id, p.key, d.id, d.rows, d.rows, 0, 0, 0, 0, 0, 0, d.rows
    FROM pushes p
    JOIN pganalytics.databases b USING (server_id)
    CROSS JOIN LATERAL (VALUES (0, 0), (b.database_id, 235)) AS d (id, rows)
)
INSERT INTO pganalytics.push_ledger (received_at, server_id, push_key, body_hash, collector_id,
    body_bytes, observed, stored, unchanged, merged, discarded_too_old, discarded_in_future,
    discarded_too_large)
SELECT at, server_id, key, key, collector_id, 20000, 235, 235, 0, 0, 0, 0, 0 FROM pushes;

-- There are many series of tables, so that a rule must find its own series among them.
INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash, first_seen)
SELECT b.server_id, k.relation, CASE WHEN k.of_database THEN b.database_id ELSE 0 END,
       ARRAY['label ' || n, 'second ' || n], md5(k.relation || n)::uuid, now() - interval '30 days'
FROM pganalytics.databases b
CROSS JOIN (VALUES ('table_samples', 500, true), ('filesystem_samples', 5, false),
                   ('replication_samples', 2, false), ('replication_slot_samples', 2, false),
                   ('wraparound_samples', 3, false), ('lock_wait_samples', 1, true),
                   ('idle_transaction_samples', 1, true)) AS k (relation, many, of_database)
CROSS JOIN LATERAL generate_series(1, k.many) AS n;
CREATE TEMP TABLE minutes AS
    SELECT m.server_id, m.series_id, m.relation, now() - make_interval(mins => minute) AS at
    FROM generate_series(1440, 0, -1) AS minute, pganalytics.metric_series m
    WHERE m.relation <> 'table_samples';
INSERT INTO pganalytics.filesystem_samples (server_id, series_id, sampled_at, total_gb, percent_used)
SELECT server_id, series_id, at, 100, 50 FROM minutes WHERE relation = 'filesystem_samples';
INSERT INTO pganalytics.replication_samples (server_id, series_id, sampled_at, replay_lag_ms)
SELECT server_id, series_id, at, 5 FROM minutes WHERE relation = 'replication_samples';
INSERT INTO pganalytics.replication_slot_samples (server_id, series_id, sampled_at, bytes_retained)
SELECT server_id, series_id, at, 5 FROM minutes WHERE relation = 'replication_slot_samples';
INSERT INTO pganalytics.wraparound_samples (server_id, series_id, sampled_at, xid_until_wraparound)
SELECT server_id, series_id, at, 2000000000 FROM minutes WHERE relation = 'wraparound_samples';
INSERT INTO pganalytics.lock_wait_samples (server_id, series_id, sampled_at, wait_time_seconds)
SELECT server_id, series_id, at, 1 FROM minutes, generate_series(1, 5) WHERE relation = 'lock_wait_samples';
INSERT INTO pganalytics.idle_transaction_samples (server_id, series_id, sampled_at, datname, duration_seconds)
SELECT server_id, series_id, at, 'shop', 1 FROM minutes, generate_series(1, 5)
WHERE relation = 'idle_transaction_samples';

INSERT INTO pganalytics.audit_log (id, recorded_at, occurred_at, event, severity, source, outcome, actor,
    address, resource_type, resource_id, details, hash)
SELECT 10000000 + n, t.at, t.at, e.event, 'INFO', 'session', 'success', 'role ' || n % 100,
       '192.0.2.' || n % 200, 'table', 'public.t' || n % 300, '{"count": 1, "reason": "none"}', sha256('')
FROM generate_series(1, 500000) AS n
CROSS JOIN LATERAL (SELECT now() - (500000 - n) * interval '5.184 s' AS at) t
CROSS JOIN LATERAL (SELECT (ARRAY['auth.login', 'auth.login', 'auth.login', 'ddl.executed', 'auth.login_failed',
                                  'access.denied', 'security.rate_limited', 'settings.reloaded'])[1 + n % 8]
                           AS event) e;
ANALYZE;
