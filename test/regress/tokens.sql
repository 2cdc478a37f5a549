-- Revoking and rotating the tokens of a collector.
\set SHOW_CONTEXT never
\pset format unaligned
SET ROLE pganalytics_admin;
SELECT count(*) FROM pganalytics.create_collector('prod-1');
SELECT name, has_token, tokens_valid_from FROM pganalytics.collector_credentials;

-- The cut lies ahead of the commit, and of the second in which a token was issued.
SELECT pganalytics.revoke_tokens('prod-1');
SELECT name, has_token, tokens_valid_from > now() + '1 s' AS ahead,
       tokens_valid_from < now() + '1 min' AS near
FROM pganalytics.collector_credentials;
SELECT pganalytics.revoke_tokens('nobody');
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.revoke_tokens(NULL);

-- A new token takes those that were signed for the old one with it.
RESET ROLE;
UPDATE pganalytics.collectors SET tokens_valid_from = '-infinity';
SET ROLE pganalytics_admin;
SELECT token ~ '^pga_' AS token FROM pganalytics.rotate_token('prod-1');
SELECT name, has_token, tokens_valid_from > now() AS ahead FROM pganalytics.collector_credentials;
RESET ROLE;
DELETE FROM pganalytics.collectors;
