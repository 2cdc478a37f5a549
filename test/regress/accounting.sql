-- What became of what was pushed: sums, gaps, completeness, the limit, the health document.
\set SHOW_CONTEXT never
SELECT make_partition IS NOT NULL AS made
FROM unnest(ARRAY['push_ledger', 'push_accounts', 'statements_info_samples']) AS relation,
     generate_series(-3, 0) AS n,
     pganalytics.make_partition(relation, (now() AT TIME ZONE 'UTC')::date + n)
GROUP BY 1;
-- at(n) is n minutes after midnight (UTC) two days ago.
CREATE FUNCTION pg_temp.at(minutes float8) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT ((now() AT TIME ZONE 'UTC')::date - 2)::timestamp AT TIME ZONE 'UTC'
           + make_interval(secs => minutes * 60) $$;
CREATE FUNCTION pg_temp.minute(moment timestamptz) RETURNS float8 LANGUAGE sql STABLE AS $$
    SELECT extract(epoch FROM moment - pg_temp.at(0))::float8 / 60 $$;
CREATE FUNCTION pg_temp.key(number int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(number::text, 32, '0')::uuid $$;

INSERT INTO pganalytics.collectors (collector_id, name, token_sha256, max_queries_per_db)
VALUES (pg_temp.key(1), 'east', sha256('east'), 10), (pg_temp.key(2), 'west', sha256('west'), NULL);
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
VALUES (1, pg_temp.key(1), 'main', 'a'), (2, pg_temp.key(1), 'idle', 'b'),
       (3, pg_temp.key(2), 'default', 'c');
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (11, 1, 'shop'), (12, 1, 'crm'), (31, 3, 'shop');

-- push() is what the worker writes for one push: its row in the ledger and those of its databases, a
-- row of database 0 always among them.
CREATE TYPE account AS (database_id int, observed int, stored int, unchanged int, merged int,
                        beyond_limit int, too_old int, in_future int, too_large int, queries int);
CREATE SEQUENCE pushes;
CREATE FUNCTION push(server int, received timestamptz, epoch bigint, sequence bigint,
                     VARIADIC accounts account[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    push_key uuid := pg_temp.key(nextval('pushes')::int);
BEGIN
    INSERT INTO pganalytics.push_ledger (received_at, server_id, push_key, body_hash, collector_id,
        epoch, sequence, body_bytes, observed, stored, unchanged, merged, discarded_too_old,
        discarded_in_future, discarded_too_large)
    SELECT received, server, push_key, push_key, v.collector_id, epoch, sequence, 1000,
           sum(observed), sum(stored), sum(unchanged), sum(merged), sum(too_old), sum(in_future),
           sum(too_large)
    FROM unnest(accounts), pganalytics.servers v WHERE v.server_id = server
    GROUP BY v.collector_id;
    INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed,
        stored, unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future,
        discarded_too_large, queries)
    SELECT received, server, push_key, a.* FROM unnest(accounts) a;
END
$$;

-- The equation is a constraint of both tables, and so is what is part of what.
\set VERBOSITY sqlstate
SELECT push(1, pg_temp.at(0), 1, 1, (0, 10, 9, 0, 0, 0, 0, 0, 0, 0));
SELECT push(1, pg_temp.at(0), 1, 1, (0, 2, 1, 0, 1, 2, 0, 0, 0, 2));
SELECT push(1, pg_temp.at(0), 1, 1, (0, 2, 1, 0, 1, 1, 0, 0, 0, 3));
\set VERBOSITY default
SELECT count(*) FROM pganalytics.push_ledger;

-- By hour.
SELECT count(push(1, pg_temp.at(5), NULL, NULL, (0, 5, 5, 0, 0, 0, 0, 0, 0, 0),
            (11, 100, 60, 20, 10, 4, 5, 3, 2, 80))) AS pushes;
SELECT count(push(1, pg_temp.at(59.99), NULL, NULL, (0, 5, 4, 1, 0, 0, 0, 0, 0, 0),
            (11, 100, 100, 0, 0, 0, 0, 0, 0, 80), (12, 7, 0, 0, 0, 0, 7, 0, 0, 7))) AS pushes;
SELECT count(push(1, pg_temp.at(60), NULL, NULL, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes;
SELECT count(push(3, pg_temp.at(60), NULL, NULL, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            (31, 1, 1, 0, 0, 0, 0, 0, 0, 1))) AS pushes;
SELECT collector, server, database, pg_temp.minute(hour) AS minute, pushes, observed, stored, unchanged,
       merged, beyond_limit AS beyond, discarded_too_old AS old, discarded_in_future AS future,
       discarded_too_large AS large, discarded, discard_rate
FROM pganalytics.ingest_accounting ORDER BY 1, 2, 3, 4;
-- An hour is one of UTC, whatever the session's time zone.
BEGIN;
SET LOCAL timezone = 'Asia/Kolkata';
SELECT DISTINCT pg_temp.minute(hour) AS minute FROM pganalytics.ingest_accounting ORDER BY 1;
ROLLBACK;

-- Gaps. Epoch 7 is no time; number 3 came twice, 4 came late, 6 and 7 never; another server and
-- another epoch have nothing to do with it.
SELECT count(push(1, pg_temp.at(minute), 7, sequence, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes
FROM (VALUES (100, 2), (101, 3), (102, 3), (103, 5), (104, 4), (105, 8), (106, 10)) AS p(minute, sequence);
SELECT count(push(3, pg_temp.at(110), 7, 6, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes;
SELECT count(push(1, pg_temp.at(120), 8, 1, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes;
-- An epoch of microseconds that began while the ledger was kept: numbers 1 to 4 never came. One that
-- began before the oldest day, one in nanoseconds and one that begins later than its push say nothing.
SELECT count(push(1, pg_temp.at(131), extract(epoch FROM pg_temp.at(minute))::bigint * 1000000 * factor, 5,
            (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes
FROM (VALUES (130, 1), (-1500, 1), (130, 1000), (132, 1)) AS e(minute, factor);
-- The ends of the numbers.
SELECT count(push(3, pg_temp.at(140 + n), 9223372036854775807, sequence, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes
FROM (VALUES (0, -9223372036854775808), (1, 9223372036854775807)) AS e(n, sequence);
SELECT collector, server, CASE WHEN epoch BETWEEN 100 AND 9e18 THEN 'a time' ELSE epoch::text END AS epoch,
       from_sequence, to_sequence, missing, pg_temp.minute(received_after) AS after,
       pg_temp.minute(received_before) AS before
FROM pganalytics.ingest_gaps ORDER BY 1, 2, received_before, from_sequence;
-- The oldest day goes: what comes first in what is left is no gap.
BEGIN;
SELECT count(push(1, pg_temp.at(minute), 9, sequence, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) AS pushes
FROM (VALUES (-10, 1), (-9, 3), (200, 5), (201, 7)) AS p(minute, sequence);
SELECT from_sequence, to_sequence FROM pganalytics.ingest_gaps WHERE epoch = 9 ORDER BY 1;
SELECT pganalytics.drop_partitions('push_ledger', (now() AT TIME ZONE 'UTC')::date - 2);
SELECT from_sequence, to_sequence FROM pganalytics.ingest_gaps WHERE epoch = 9 ORDER BY 1;
ROLLBACK;

-- Completeness, with what the source itself has lost: 5 evictions since before the period, then a
-- reset and 2 more, then a reset that the counter does not show and 4. Number 4 of epoch 7 filled a gap.
INSERT INTO pganalytics.metric_series (server_id, series_id, relation, database_id, labels, label_hash,
    first_seen) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'statements_info_samples', 0, '{}', pg_temp.key(0), pg_temp.at(-100)),
       (1, 2, 'host_samples', 0, '{}', pg_temp.key(0), pg_temp.at(-100)),
       (3, 3, 'statements_info_samples', 0, '{}', pg_temp.key(0), pg_temp.at(-100));
INSERT INTO pganalytics.statements_info_samples (server_id, series_id, sampled_at, statements,
    max_statements, dealloc, stats_reset)
SELECT server, series, pg_temp.at(minute), 900, 1000, dealloc, pg_temp.at(reset)
FROM (VALUES (1, 1, -50, 90, -90), (1, 1, -20, 100, -90), (1, 1, 10, 105, -90), (1, 1, 20, NULL, 15),
             (1, 1, 30, 2, 15), (1, 1, 40, 4, 35), (1, 1, 240, 50, 35), (1, 2, 50, 77, 35),
             (3, 3, 50, 1000, -90)) AS s(server, series, minute, dealloc, reset);
SELECT * FROM pganalytics.completeness('east', pg_temp.at(0), pg_temp.at(240));
SELECT * FROM pganalytics.completeness('west', pg_temp.at(0), pg_temp.at(61));
SELECT * FROM pganalytics.completeness('east', pg_temp.at(102.5), pg_temp.at(105));
SELECT * FROM pganalytics.completeness('nobody', pg_temp.at(0), pg_temp.at(1));
SELECT * FROM pganalytics.completeness(NULL, pg_temp.at(0), pg_temp.at(1));
SELECT * FROM pganalytics.completeness('east', pg_temp.at(1), pg_temp.at(1));

-- Nothing is wrong so far. Then a row of accounts is lost, one too many comes, a key is nobody's, and
-- with their constraints gone both tables hold what does not add up.
SELECT count(*) FROM pganalytics.accounting_violations;
BEGIN;
DELETE FROM pganalytics.push_accounts WHERE database_id = 12;
UPDATE pganalytics.push_accounts SET stored = stored - 1, merged = merged + 1
WHERE database_id = 31;
DELETE FROM pganalytics.push_accounts WHERE received_at = pg_temp.at(120);
INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed, stored,
    unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large,
    queries)
VALUES (pg_temp.at(150), 1, pg_temp.key(999), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
ALTER TABLE pganalytics.push_ledger DROP CONSTRAINT push_ledger_accounts;
ALTER TABLE pganalytics.push_accounts DROP CONSTRAINT push_accounts_add_up;
SELECT count(push(1, pg_temp.at(160), NULL, NULL, (0, 3, 1, 1, 0, 0, 0, 0, 0, 0))) AS pushes;
SELECT count(push(1, pg_temp.at(161), NULL, NULL, (0, 3, 1, 1, 1, 0, 0, 0, 0, 0),
            (11, 2, 1, 0, 1, 2, 0, 0, 0, 2))) AS pushes;
SELECT server_id, pg_temp.minute(received_at) AS minute, violation, observed, observed_by_database
FROM pganalytics.accounting_violations ORDER BY 1, 2;
ROLLBACK;

-- The limit: 10 of 1000 statements; a few of those that are kept are sent, the others unchanged.
-- Beyond the limit since 40 minutes ago; before that, and in the other database, all was kept.
SELECT * FROM pganalytics.query_limit_exceeded;
SELECT count(push(1, now() - interval '50 minutes', NULL, NULL, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            (11, 10, 10, 0, 0, 0, 0, 0, 0, 9))) AS pushes;
SELECT count(push(1, now() - make_interval(mins => n), NULL, NULL, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            (11, 1010, 3 + n % 5, 18 - n % 5, 989, 989, 0, 0, 0, 1000),
            (12, 100, 90, 5, 5, 5, 0, 0, 0, 100))) AS pushes
FROM generate_series(1, 40) AS n;
-- A push without a query of the database is no end of it.
SELECT count(push(1, now() - interval '30 seconds', NULL, NULL, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            (11, 3, 3, 0, 0, 0, 0, 0, 0, 0))) AS pushes;
SELECT collector, server, database, round(share::numeric, 2) AS share, threshold, max_queries_per_db,
       queries_seen, queries_kept, queries_merged, date_trunc('minute', now() - since) AS for_how_long
FROM pganalytics.query_limit_exceeded;
BEGIN;
SET LOCAL ROLE pganalytics_viewer;
SELECT count(*) FROM pganalytics.query_limit_exceeded;
ROLLBACK;
-- Kept for an hour without a merge: no longer named.
BEGIN;
DELETE FROM pganalytics.push_accounts WHERE received_at > now() - interval '1 hour' AND beyond_limit > 0;
SELECT count(*) FROM pganalytics.query_limit_exceeded;
ROLLBACK;
-- The limit in force: the collector's own, else the setting.
SELECT pganalytics.query_limit(7) AS own, pganalytics.query_limit(NULL) AS setting,
       pganalytics.query_limit_threshold() AS threshold;

-- Health, as the worker asks: with its rights and its settings.
BEGIN;
SET LOCAL ROLE pganalytics_ingest;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SELECT jsonb_pretty(regexp_replace(pganalytics.metrics_health(pg_temp.key(1))::text,
    '"\d{4}-\d\d-\d\dT[^"]+"', '"<time>"', 'g')::jsonb);
SELECT (h->>'from')::timestamptz = now() - interval '1 hour' AS "from", (h->>'to')::timestamptz = now() AS "to",
       (h->>'last_push')::timestamptz > now() - interval '1 minute' AS last_push,
       now() - (h->'total'->>'beyond_limit_since')::timestamptz
           BETWEEN interval '40 minutes' AND interval '41 minutes' AS limited
FROM (SELECT pganalytics.metrics_health(pg_temp.key(1))) AS j(h);
-- Nothing in the last hour, but a push before it; no such collector.
SELECT h->'total'->>'received' AS received, h->'servers' AS servers,
       pg_temp.minute((h->>'last_push')::timestamptz) AS last_push
FROM (SELECT pganalytics.metrics_health(pg_temp.key(2))) AS j(h);
SELECT pganalytics.metrics_health(pg_temp.key(3)) IS NULL AS nobody;
ROLLBACK;

TRUNCATE pganalytics.push_ledger, pganalytics.push_accounts, pganalytics.statements_info_samples,
         pganalytics.metric_series, pganalytics.databases, pganalytics.servers, pganalytics.collectors;
DROP FUNCTION push;
DROP SEQUENCE pushes;
DROP TYPE account;
