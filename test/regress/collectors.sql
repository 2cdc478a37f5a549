-- Enrolling, rotating and refusing collectors.
\set SHOW_CONTEXT never
SET ROLE pganalytics_admin;

-- The token is 256 bits in hex behind a prefix; only its hash is kept.
CREATE TEMP TABLE given AS SELECT * FROM pganalytics.create_collector('prod-1');
INSERT INTO given SELECT * FROM pganalytics.create_collector('prod-2');
SELECT token ~ '^pga_[0-9a-f]{64}$' AS well_formed, count(*) OVER (PARTITION BY token) AS same
FROM given;
SELECT name, enabled, created_at <= now() AS dated FROM pganalytics.collectors ORDER BY name;
RESET ROLE;
SELECT c.name, c.token_sha256 = sha256(convert_to(g.token, 'UTF8')) AS matches
FROM pganalytics.collectors c JOIN given g USING (collector_id) ORDER BY c.name;

-- Errors.
SET ROLE pganalytics_admin;
SELECT * FROM pganalytics.create_collector('prod-1');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pganalytics.create_collector('');
SELECT * FROM pganalytics.create_collector(E' \t\n');
SELECT * FROM pganalytics.create_collector(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM pganalytics.collectors;

-- A name is a value, whatever is in it.
SELECT count(*) FROM pganalytics.create_collector('x''); DROP TABLE pganalytics.collectors; --');
SELECT count(*) FROM pganalytics.collectors;

-- Rotation keeps the collector and makes the old token worthless.
CREATE TEMP TABLE fresh AS SELECT * FROM pganalytics.rotate_token('prod-1');
SELECT f.collector_id = g.collector_id AS same_collector, f.token <> g.token AS other_token
FROM fresh f JOIN given g USING (collector_id);
RESET ROLE;
SELECT count(*) FILTER (WHERE c.token_sha256 = sha256(convert_to(g.token, 'UTF8'))) AS old,
       count(*) FILTER (WHERE c.token_sha256 = sha256(convert_to(f.token, 'UTF8'))) AS new
FROM pganalytics.collectors c, given g, fresh f WHERE g.collector_id = f.collector_id;
SET ROLE pganalytics_admin;
SELECT * FROM pganalytics.rotate_token('nobody');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pganalytics.rotate_token(NULL);

-- Enabled or not.
SELECT pganalytics.set_collector_enabled('prod-2', false);
SELECT name, enabled FROM pganalytics.collectors WHERE name LIKE 'prod%' ORDER BY name;
SELECT pganalytics.set_collector_enabled('prod-2', true);
SELECT name, enabled FROM pganalytics.collectors WHERE name LIKE 'prod%' ORDER BY name;
SELECT pganalytics.set_collector_enabled('nobody', true);
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.set_collector_enabled('prod-2', NULL);
\echo :LAST_ERROR_SQLSTATE

-- A limit of queries of its own, or that of the setting.
SELECT pganalytics.set_query_limit('prod-2', 1), pganalytics.set_query_limit('prod-1', 100000);
SELECT name, max_queries_per_db FROM pganalytics.collectors WHERE name LIKE 'prod%' ORDER BY name;
SELECT pganalytics.set_query_limit('prod-2', NULL);
SELECT name, max_queries_per_db FROM pganalytics.collectors WHERE name LIKE 'prod%' ORDER BY name;
SELECT pganalytics.set_query_limit('prod-2', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.set_query_limit('prod-2', 100001);
SELECT pganalytics.set_query_limit('prod-2', -2147483648);
SELECT pganalytics.set_query_limit('nobody', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.set_query_limit(NULL, 10);
SELECT pganalytics.set_query_limit(NULL, NULL);
SELECT name, max_queries_per_db FROM pganalytics.collectors WHERE name LIKE 'prod%' ORDER BY name;

-- A thousand tokens are a thousand.
SELECT count(DISTINCT pganalytics.new_token()) FROM generate_series(1, 1000);

RESET ROLE;
DELETE FROM pganalytics.collectors;
