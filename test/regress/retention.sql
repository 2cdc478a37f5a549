-- How long days are kept: what the settings say, when a day goes, and dropping it.
\set SHOW_CONTEXT never
-- The library may not be loaded yet: a session cannot slip in a retention of its own. The maintenance
-- worker's function would drop by it.
\c -
SET client_min_messages = error;
DO $$
BEGIN
    PERFORM set_config('pganalytics.retention_logs', '1', false);
EXCEPTION WHEN cant_change_runtime_param THEN
    NULL;
END
$$;
SELECT family, days FROM pganalytics.retention_settings() ORDER BY family;
RESET client_min_messages;

-- Each family is a setting in days, of the server; the ledger's is never less than dedup_window.
SELECT s.name, s.setting, s.min_val, s.max_val, s.context, r.setting = s.name AS in_view,
       r.days = s.setting::int AS same, r.relations
FROM pg_settings s JOIN pganalytics.retention r ON r.setting = s.name
WHERE s.name LIKE 'pganalytics.retention\_%' ORDER BY s.name;
SELECT l.min_val::int * 24 * 60 >= d.max_val::int AS ledger_covers_dedup_window
FROM pg_settings l, pg_settings d
WHERE l.name = 'pganalytics.retention_ledger' AND d.name = 'pganalytics.dedup_window';

-- A day goes when all of it is older than the retention, not a moment before: of each family its last
-- day that stays, the first that goes, and one long overdue.
SELECT (now() AT TIME ZONE 'UTC')::date AS today \gset
CREATE TEMP TABLE chosen (relation text, ago integer);
INSERT INTO chosen SELECT p.relation, d.ago
FROM pganalytics.partitioned_relations() p JOIN pganalytics.retention_settings() s USING (family),
     LATERAL (VALUES (s.days), (s.days + 1), (s.days + 10)) AS d (ago)
WHERE p.relation IN ('query_samples', 'table_samples', 'log_lines', 'push_ledger', 'push_accounts');
SELECT pganalytics.make_partition(relation, :'today'::date - ago) IS NOT NULL AS made, count(*)
FROM chosen GROUP BY 1;
CREATE TEMP VIEW days AS
    SELECT p.relation, p.family, :'today'::date - p.day AS ago, p.attached,
           p.drops_at - p.ends_at AS stays, p.drops_at <= now() AS due
    FROM pganalytics.partitions p JOIN chosen c ON c.relation = p.relation
     AND c.ago = :'today'::date - p.day;
SELECT * FROM pg_temp.days ORDER BY relation, ago;
SELECT family, partitions > 0 AS has, bytes > 0 AS bytes, :'today'::date - oldest_day AS oldest,
       next_drop_at <= now() AS due, overdue, strays
FROM pganalytics.retention ORDER BY family;
-- The same in a zone where a day of these had 23 hours or 25.
SET timezone = 'America/New_York';
SELECT count(*) AS days, bool_and(drops_at AT TIME ZONE 'UTC' = (ends_at AT TIME ZONE 'UTC')
                                  + (SELECT r.days FROM pganalytics.retention_settings() r
                                     WHERE r.family = p.family) * interval '1 day') AS whole_days
FROM pganalytics.partitions p;
RESET timezone;

-- Only what is due is dropped, whoever asks; what is no partition is left alone.
SELECT pganalytics.make_partition('log_lines', :'today'::date - 7) AS kept_leaf \gset
\set VERBOSITY sqlstate
SELECT pganalytics.drop_expired_partition(:'kept_leaf');
SELECT pganalytics.drop_expired_partition('pganalytics.no_such_table');
\set VERBOSITY default
SELECT pganalytics.drop_expired_partition('pganalytics.servers') AS servers,
       pganalytics.drop_expired_partition('pganalytics.log_lines') AS parent,
       pganalytics.drop_expired_partition(0) AS nothing,
       pganalytics.drop_expired_partition(NULL) AS unknown;

-- A detached day and a default partition are nobody's to drop.
SELECT pganalytics.make_partition('wal_samples', :'today'::date - 100) AS stray \gset
ALTER TABLE pganalytics.wal_samples DETACH PARTITION :stray;
CREATE TABLE pganalytics.wal_samples_rest PARTITION OF pganalytics.wal_samples DEFAULT;
CREATE TABLE pganalytics.no_family_p20200101 (x int);
SELECT regexp_replace(partition::text, '\d{8}', 'DAY') AS partition, attached, day, drops_at
FROM pganalytics.partitions WHERE day IS NULL ORDER BY partition::text COLLATE "C";
SELECT family, strays, overdue FROM pganalytics.retention WHERE strays > 0;
SELECT pganalytics.drop_expired_partition(:'stray') AS stray;
\set VERBOSITY sqlstate
SELECT pganalytics.drop_expired_partition('pganalytics.wal_samples_rest');
\set VERBOSITY default
SELECT to_regclass(:'stray') IS NOT NULL AS stray_is_there;
DROP TABLE :stray, pganalytics.wal_samples_rest, pganalytics.no_family_p20200101;

-- As the maintenance worker does it, with its rights: oldest first.
SET ROLE pganalytics_maintenance;
SELECT regexp_replace(p::text, '_p\d{8}', '_pDAY') AS partition, pganalytics.drop_expired_partition(p)
FROM pganalytics.expired_partitions() AS p;
SELECT count(*) AS left_to_drop FROM pganalytics.expired_partitions();
RESET ROLE;
SELECT relation, ago FROM pg_temp.days ORDER BY relation, ago;
SELECT current_setting('lock_timeout') AS lock_timeout;

-- A partition that something of the user's depends on is an error, and stays.
SELECT pganalytics.make_partition('log_lines', :'today'::date - 20) AS used_leaf \gset
CREATE VIEW users_view AS SELECT message FROM :used_leaf;
\set VERBOSITY sqlstate
SELECT pganalytics.drop_expired_partition(:'used_leaf');
\set VERBOSITY default
DROP VIEW users_view;
SELECT pganalytics.drop_expired_partition(:'used_leaf');

SELECT pganalytics.drop_partitions(relation, :'today'::date) >= 0 AS dropped, count(*)
FROM chosen GROUP BY 1;
